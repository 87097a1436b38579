-- When a message came to its place (delivered, imported, moved or restored): EXPIRE counts from here, never from the
-- date that an import brought along. For what is there already the id tells (see gatepost.model.make_id).
ALTER TABLE message ADD COLUMN placed INTEGER NOT NULL DEFAULT 0;
UPDATE message SET placed = 1577836800 + (email_id >> 22) / 1000;

DROP INDEX message_received;
CREATE INDEX message_placed ON message (account_id, mailbox_id, placed);

-- When a key was last asked for, to the day; what is there already counts from now.
ALTER TABLE delivered_once ADD COLUMN at INTEGER NOT NULL DEFAULT 0;
UPDATE delivered_once SET at = unixepoch();
CREATE INDEX delivered_once_at ON delivered_once (at);

-- By MODSEQ, as a client that comes back asks for it (RFC 7162 §3.2.5), and as the oldest are forgotten.
CREATE TABLE expunged_by_modseq (
    account_id INTEGER NOT NULL,
    mailbox_id INTEGER NOT NULL,
    modseq     INTEGER NOT NULL,
    uid        INTEGER NOT NULL,
    PRIMARY KEY (account_id, mailbox_id, modseq, uid)
) STRICT, WITHOUT ROWID;

INSERT INTO expunged_by_modseq (account_id, mailbox_id, modseq, uid)
SELECT account_id, mailbox_id, modseq, uid FROM expunged;

DROP TABLE expunged;
ALTER TABLE expunged_by_modseq RENAME TO expunged;
