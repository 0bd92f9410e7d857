// The floor that figures stand on: lines that stay where they are, and the figures' shadow.
import {
  CanvasTexture, CircleGeometry, Mesh, MeshBasicMaterial, PlaneGeometry, RepeatWrapping, ShadowMaterial,
} from "./three.js";

const FLOOR = 12; // metres across

function gridTexture() {
  const canvas = Object.assign(document.createElement("canvas"), { width: 128, height: 128 });
  const context = canvas.getContext("2d");
  context.strokeStyle = "#fff";
  context.lineWidth = 2.5;
  context.strokeRect(0, 0, 128, 128);
  const texture = new CanvasTexture(canvas);
  texture.wrapS = texture.wrapT = RepeatWrapping;
  texture.anisotropy = 8;
  return texture;
}

// Two of them fade a plane towards its rim: full to `from`, nothing at the rim.
function fadeTexture(from) {
  const canvas = Object.assign(document.createElement("canvas"), { width: 256, height: 256 });
  const context = canvas.getContext("2d");
  const gradient = context.createRadialGradient(128, 128, 128 * from, 128, 128, 127);
  gradient.addColorStop(0, "#fff");
  gradient.addColorStop(1, "#000");
  context.fillStyle = gradient;
  context.fillRect(0, 0, 256, 256);
  return new CanvasTexture(canvas);
}

export class Floor {
  constructor(scene, step = 0.5) {
    const flat = new PlaneGeometry(FLOOR, FLOOR).rotateX(-Math.PI / 2);
    this.step = step;
    this.lines = gridTexture();
    this.lines.repeat.set(FLOOR / step, FLOOR / step);
    this.grid = new Mesh(flat, new MeshBasicMaterial({ map: this.lines, alphaMap: fadeTexture(0.1), transparent: true, depthWrite: false }));
    this.grid.material.alphaTest = 0;
    // White lines on nothing: the map's own transparency is drawn, the colour is the theme's.
    this.shadow = new Mesh(new CircleGeometry(FLOOR / 2, 48).rotateX(-Math.PI / 2), new ShadowMaterial({ opacity: 0.3, depthWrite: false }));
    this.shadow.receiveShadow = true;
    this.grid.renderOrder = -2;
    this.shadow.renderOrder = -1;
    scene.add(this.grid, this.shadow);
  }

  place(x, y, z, colours, dark) {
    this.grid.position.set(x, y, z);
    this.shadow.position.set(x, y + 0.001, z);
    // The lines stay where they are in the world while the plane goes with the camera.
    this.lines.offset.set((x - FLOOR / 2) / this.step, -(z + FLOOR / 2) / this.step);
    this.grid.material.color.set(colours.floor);
    this.shadow.material.opacity = dark ? 0.55 : 0.26;
  }
}
