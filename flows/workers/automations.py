"""Prefect's automation that says when a run of the pipeline has failed; it runs in Prefect's server."""

from prefect.automations import Automation
from prefect.blocks.notifications import CustomWebhookNotificationBlock
from prefect.client.orchestration import get_client
from prefect.events.actions import SendNotification
from prefect.events.schemas.automations import EventTrigger, Posture
from prefect.events.schemas.events import ResourceSpecification

NAME, BLOCK = "lamp: a run failed", "lamp-run-failed"
FLOW = "pipeline"
SUBJECT = "{{ flow_run.name }} is {{ flow_run.state.name }}"
BODY = "{{ flow_run.state.message }}\n{{ flow_run|ui_url }}"


def tell_of_failures(address: str) -> None:
    """Let Prefect's server post a message to an address whenever a run of the pipeline fails or crashes.

    The message is ``{"text": ...}``, which the incoming webhooks of Slack, Mattermost and Teams take. Another
    address takes the place of the one of before.
    """
    text = {"text": "{{subject}}\n{{body}}"}
    webhook = CustomWebhookNotificationBlock(name=BLOCK, url=address, json_data=text)
    block = webhook.save(BLOCK, overwrite=True)
    failed = EventTrigger(
        expect={"prefect.flow-run.Failed", "prefect.flow-run.Crashed"},
        match_related=ResourceSpecification({"prefect.resource.role": "flow", "prefect.resource.name": FLOW}),
        posture=Posture.Reactive,
        threshold=1,
    )
    message = SendNotification(block_document_id=block, subject=SUBJECT, body=BODY)
    with get_client(sync_client=True) as client:
        for known in client.read_automations_by_name(NAME):
            client.delete_automation(known.id)
    Automation(name=NAME, trigger=failed, actions=[message]).create()
