"""Each engine against one simple model: whatever is done in whatever order, both say the same."""

from __future__ import annotations

import asyncio
import tempfile
from collections import defaultdict
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from gatepost.errors import NoSuchMessageError, OverQuotaError
from gatepost.model import DeletePolicy, Flag, derived_uidl
from gatepost.store.commands import (
    AddAddress,
    DeleteMessages,
    Deliver,
    Expire,
    RemoveAddress,
    RestoreMessage,
    SetFlags,
    Target,
    UpdateAccount,
)
from gatepost.store.memory import MemoryStore
from gatepost.store.sqlite.local import open_local
from support.stores import Clock, mail, new_account

WHO = st.integers(0, 1)
BOXES = st.sampled_from(["INBOX", "Trash", "Work"])
BODIES = st.binary(max_size=12)
FLAGS = st.integers(0, 31)
HOLD = 1000


class Model:
    """One account: (name, uid) -> message; what is held; how many UIDs each mailbox gave."""

    def __init__(self):
        self.boxes = {"INBOX": {}}
        self.given = defaultdict(int)
        self.held = []
        self.quota = 0
        self.once = {}
        self.aliases = set()

    def used(self):
        return sum(len(m["body"]) for box in self.boxes.values() for m in box.values()) + sum(
            len(m["body"]) for m in self.held
        )

    def place(self, name, message):
        self.given[name] += 1
        self.boxes.setdefault(name, {})[self.given[name]] = message
        return self.given[name]


class StoreMachine(RuleBasedStateMachine):
    def open(self):
        raise NotImplementedError

    def reopen(self):
        """Only the engines on disk do."""

    def run(self, work):
        return self.loop.run_until_complete(work)

    @initialize()
    def begin(self):
        self.loop = asyncio.new_event_loop()
        self.clock = Clock()
        self.folder = tempfile.TemporaryDirectory()
        self.store = self.open()
        self.models = [Model(), Model()]
        self.accounts = [self.run(new_account(self.store, f"user{n}@example.com")) for n in (0, 1)]

    def box(self, who, name):
        return self.run(self.store.mailbox(self.accounts[who].account_id, name))

    def uidl(self, who, name, uid, uidl):
        return uidl or derived_uidl(self.box(who, name).uidvalidity, uid)

    @rule(
        body=BODIES,
        wanted=st.lists(
            st.tuples(WHO, BOXES, FLAGS, st.sampled_from([None, "u1", "u2"]), st.sampled_from(["", "", "k1", "k2"])),
            min_size=1,
            max_size=3,
        ),
    )
    def deliver(self, body, wanted):
        command = Deliver(
            mail(body),
            tuple(
                Target(self.accounts[who].account_id, name, flags, uidl=uidl, once=once)
                for who, name, flags, uidl, once in wanted
            ),
        )
        fresh, seen = [], {who: set(self.models[who].once) for who in (0, 1)}
        for who, *_, once in wanted:
            fresh.append(not (once and once in seen[who]))
            if once:
                seen[who].add(once)
        for who in (0, 1):
            count = sum(new for new, target in zip(fresh, wanted, strict=True) if target[0] == who)
            model = self.models[who]
            if count and model.quota and model.used() + count * len(body) > model.quota:
                try:
                    self.run(self.store.execute(command))
                except OverQuotaError:
                    return
                raise AssertionError("the quota was not kept")
        results = self.run(self.store.execute(command))
        for (who, name, flags, uidl, once), new, result in zip(wanted, fresh, results, strict=True):
            model = self.models[who]
            assert result.repeated == (not new)
            if not new:
                assert result.uid == model.once[once]
                continue
            taken = {m["uidl"] for m in model.boxes.get(name, {}).values()}
            message = {"body": body, "flags": flags, "email": result.email_id}
            uid = model.place(name, message)
            assert uid == result.uid
            message["uidl"] = self.uidl(who, name, uid, uidl if uidl not in taken else None)
            if once:
                model.once[once] = uid

    @rule(who=WHO, name=BOXES, pick=st.sets(st.integers(1, 6)), policy=st.sampled_from(DeletePolicy))
    def delete(self, who, name, pick, policy):
        model = self.models[who]
        if name not in model.boxes:
            return
        box, account_id = model.boxes[name], self.accounts[who].account_id
        command = DeleteMessages(account_id, self.box(who, name).mailbox_id, tuple(pick), policy, HOLD)
        gone = [(uid, box.pop(uid)) for uid in sorted(pick) if uid in box]
        assert self.run(self.store.execute(command)) == len(gone)
        for uid, message in gone:
            if policy is DeletePolicy.TRASH and name != "Trash":
                taken = {m["uidl"] for m in model.boxes.get("Trash", {}).values()}
                moved = dict(message)
                new = model.place("Trash", moved)
                moved["uidl"] = self.uidl(who, "Trash", new, moved["uidl"] if moved["uidl"] not in taken else None)
            elif policy is DeletePolicy.HOLD:
                order = (self.clock.now, uid)
                model.held.append({**message, "from": name, "order": order, "until": self.clock.now + HOLD})

    @rule(who=WHO, data=st.data())
    def restore(self, who, data):
        model, account_id = self.models[who], self.accounts[who].account_id
        trash = model.boxes.get("Trash", {})
        known = sorted({m["email"] for m in model.held} | {m["email"] for m in trash.values()})
        if not known:
            return
        email_id = data.draw(st.sampled_from(known))
        held = [m for m in model.held if m["email"] == email_id]
        self.clock.now += 1
        result = self.run(self.store.execute(RestoreMessage(account_id, email_id)))
        if held:
            message = max(held, key=lambda m: m["order"])
            model.held.remove(message)
            name = message["from"]
        else:
            message = trash.pop(max(uid for uid, m in trash.items() if m["email"] == email_id))
            name = "INBOX"
        back = {**message, "flags": message["flags"] & ~Flag.DELETED}
        taken = {m["uidl"] for m in model.boxes[name].values()}
        uid = model.place(name, back)
        assert result.uid == uid
        back["uidl"] = self.uidl(who, name, uid, back["uidl"] if back["uidl"] not in taken else None)

    @rule(who=WHO)
    def restore_nothing(self, who):
        try:
            self.run(self.store.execute(RestoreMessage(self.accounts[who].account_id, 1)))
        except NoSuchMessageError:
            return
        raise AssertionError("something came from nowhere")

    @rule(who=WHO, name=BOXES, pick=st.sets(st.integers(1, 6)), flags=FLAGS)
    def set_flags(self, who, name, pick, flags):
        model = self.models[who]
        if name in model.boxes:
            command = SetFlags(self.accounts[who].account_id, self.box(who, name).mailbox_id, tuple(pick), Flag(flags))
            modseq = self.run(self.store.execute(command))
            assert modseq == self.box(who, name).highestmodseq
            for uid in pick & set(model.boxes[name]):
                model.boxes[name][uid]["flags"] = flags

    @rule(who=WHO, quota=st.sampled_from([0, 20, 60]))
    def set_quota(self, who, quota):
        self.run(self.store.execute(UpdateAccount(self.accounts[who].account_id, quota=quota)))
        self.models[who].quota = quota

    @rule(who=WHO, alias=st.sampled_from(["a@example.com", "@example.com"]), there=st.booleans())
    def alias(self, who, alias, there):
        model, account_id = self.models[who], self.accounts[who].account_id
        if there:
            self.run(self.store.execute(AddAddress(alias, account_id)))
            model.aliases.add(alias)
        elif alias in model.aliases:
            self.run(self.store.execute(RemoveAddress(alias, account_id)))
            model.aliases.remove(alias)

    @rule(seconds=st.sampled_from([10, HOLD, 5000]))
    def time_passes(self, seconds):
        self.clock.now += seconds
        while self.run(self.store.execute(Expire(int(self.clock.now), 3))):
            pass
        for model in self.models:
            model.held = [m for m in model.held if m["until"] > self.clock.now]

    @rule()
    def restart(self):
        self.reopen()

    @invariant()
    def same(self):
        if not hasattr(self, "store"):
            return
        for who, model in enumerate(self.models):
            self.run(self.compare(self.accounts[who].account_id, model))
        for alias in ("a@example.com", "@example.com"):
            owners = sorted(self.accounts[who].account_id for who in (0, 1) if alias in self.models[who].aliases)
            assert self.run(self.store.route(alias)) == owners

    async def compare(self, account_id, model):
        store = self.store
        assert (await store.account(account_id)).used == model.used()
        boxes = await store.mailboxes(account_id)
        assert [box.name for box in boxes] == sorted(model.boxes)
        for box in boxes:
            expected = model.boxes[box.name]
            assert (box.uidnext, box.messages) == (model.given[box.name] + 1, len(expected))
            assert box.octets == sum(len(m["body"]) for m in expected.values())
            assert box.unseen == sum(not m["flags"] & Flag.SEEN for m in expected.values())
            drop = await store.maildrop(account_id, box.name)
            assert list(drop.uids) == sorted(expected)
            uidls = [drop.uidl(n) for n in range(len(drop.uids))]
            assert uidls == [expected[uid]["uidl"] for uid in drop.uids]
            assert [await store.chunk(blob, 0) for blob in drop.blobs] == [expected[uid]["body"] for uid in drop.uids]
            messages = await store.messages(account_id, box.mailbox_id)
            assert [(m.uid, m.flags, m.email_id) for m in messages] == [
                (uid, expected[uid]["flags"], expected[uid]["email"]) for uid in sorted(expected)
            ]
            assert all(m.modseq <= box.highestmodseq for m in messages)
        held = await store.held(account_id)
        assert sorted((h.email_id, h.mailbox, h.uidl) for h in held) == sorted(
            (m["email"], m["from"], m["uidl"]) for m in model.held
        )

    def teardown(self):
        if hasattr(self, "store"):
            assert self.run(self.store.verify(lambda done, total: None)) == []
            self.run(self.store.close())
            self.folder.cleanup()
            self.loop.close()


class MemoryMachine(StoreMachine):
    def open(self):
        return MemoryStore(self.clock)


class SqliteMachine(StoreMachine):
    def open(self):
        return open_local(Path(self.folder.name), self.clock)

    def reopen(self):
        self.run(self.store.close())
        self.store = self.open()


TestMemory = MemoryMachine.TestCase
TestMemory.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
TestSqlite = SqliteMachine.TestCase
TestSqlite.settings = settings(max_examples=25, stateful_step_count=25, deadline=None)
