// What the page asks its server for. A request that cannot be met is an error with one line for the user.
async function answerOf(response) {
  const text = await response.text();
  let answer;
  try {
    answer = JSON.parse(text);
  } catch {
    throw new Error(`the page's server answered ${response.status}: ${text.slice(0, 200)}`);
  }
  if (!response.ok) throw new Error(answer.error ?? `the page's server answered ${response.status}`);
  return answer;
}

async function reach(address, options) {
  try {
    return await fetch(address, options);
  } catch {
    throw new Error("the page's server has ended; `lamp page` starts it again");
  }
}

export async function ask(name, body) {
  const headers = { "Content-Type": "application/json" };
  return answerOf(await reach(`/api/${name}`, { method: "POST", headers, body: JSON.stringify(body) }));
}

export async function look(name) {
  return answerOf(await reach(`/api/${name}`));
}

const MOST = 300;
const motions = new Map();

// A motion by its key, from the server once.
export async function motionOf(key) {
  if (!motions.has(key)) motions.set(key, look(`motions/${encodeURIComponent(key)}`).then(({ motion }) => motion));
  if (motions.size > MOST) motions.delete(motions.keys().next().value);
  try {
    return await motions.get(key);
  } catch (fault) {
    motions.delete(key);
    throw fault;
  }
}

// The same with its tokens; waits for the models.
export async function openMotion(key) {
  return (await ask("open", { motion: key })).motion;
}

export async function sendFile(file, form) {
  const query = new URLSearchParams({ name: file.name });
  for (const [name, value] of Object.entries(form)) if (value !== "" && value !== null && value !== false) query.set(name, value);
  const answer = await answerOf(await reach(`/api/motions?${query}`, { method: "POST", body: file }));
  return answer;
}
