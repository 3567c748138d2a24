"""Who handles a text, when several workers look for one."""

from gateway.conversations.lease import acquire_lease
from gateway.pipeline.turns import handle_next
from tests.line import MAYA, Talk


def test_a_worker_that_finds_its_text_erased_leaves_the_conversation_to_others(talk: Talk) -> None:
    talk.texts(MAYA, "hello")
    conversation_id = talk.conversation(MAYA).id
    assert acquire_lease(talk.line, conversation_id, "worker")
    assert handle_next(talk.line, conversation_id, "worker")
    assert acquire_lease(talk.line, conversation_id, "another")
