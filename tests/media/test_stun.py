"""STUN: only who knows the password gets an answer, and aioice understands it."""

from aioice import stun as aioice_stun

from conference.media import stun

PASSWORD = b"a-long-password-of-22-or-more"


def request(password: bytes = PASSWORD) -> bytes:
    message = aioice_stun.Message(aioice_stun.Method.BINDING, aioice_stun.Class.REQUEST)
    message.attributes["USERNAME"] = "ours:theirs"
    message.attributes["PRIORITY"] = 1
    message.attributes["USE-CANDIDATE"] = None
    message.add_message_integrity(password)
    return bytes(message)


def test_a_check_of_another_stack_is_read_and_proven() -> None:
    parsed = stun.parse_binding_request(request())
    assert parsed is not None
    assert (parsed.local_ufrag, parsed.use_candidate) == ("ours", True)
    assert parsed.authentic(PASSWORD)
    assert not parsed.authentic(b"something else")


def test_a_changed_byte_anywhere_is_noticed() -> None:
    data = request()
    for index in range(len(data) - stun.FINGERPRINT_BYTES):  # the fingerprint behind the integrity may be missing
        changed = data[:index] + bytes([data[index] ^ 1]) + data[index + 1 :]
        parsed = stun.parse_binding_request(changed)
        assert parsed is None or not parsed.authentic(PASSWORD)


def test_the_answer_is_what_another_stack_expects() -> None:
    answer = stun.binding_success(b"t" * 12, bytes([192, 0, 2, 7]), 4711, PASSWORD)
    message = aioice_stun.parse_message(answer)
    assert message.attributes["XOR-MAPPED-ADDRESS"] == ("192.0.2.7", 4711)
    assert message.check_message_integrity(PASSWORD)


def test_the_doorkeeper_limits_one_address_and_no_other_and_forgets_the_oldest() -> None:
    door = stun.Doorkeeper(rate=10, burst=5, addresses=3)
    assert sum(door.admits(b"flood", 0.0) for _ in range(100)) == 5
    assert door.admits(b"other", 0.0)
    assert door.admits(b"flood", 1.0)
    for index in range(10):
        door.admits(bytes([index]), 1.0)
    assert len(door._buckets) == 3
