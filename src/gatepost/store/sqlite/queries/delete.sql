-- The UIDs in question stand in temp.gone: one statement for all of them, because a QUIT may delete 100,000.
-- derived_uidl is gatepost.model's. CROSS JOIN, and a sub-select in place of UPDATE FROM, keep SQLite from scanning a
-- large mailbox to find the few that go.

-- name: make_gone
CREATE TEMP TABLE IF NOT EXISTS gone (uid INTEGER PRIMARY KEY, email_id INTEGER);

-- name: clear_gone
DELETE FROM temp.gone;

-- name: add_gone
INSERT OR IGNORE INTO temp.gone (uid) VALUES (?);

-- name: add_gone_email
INSERT OR IGNORE INTO temp.gone (uid, email_id) VALUES (?1, ?1);

-- name: forget_absent
DELETE FROM temp.gone
WHERE NOT EXISTS (SELECT 1 FROM message WHERE account_id = ? AND mailbox_id = ? AND message.uid = gone.uid);

-- name: note_emails
UPDATE temp.gone SET email_id = (
    SELECT message.email_id FROM message
    WHERE message.account_id = ?1 AND message.mailbox_id = ?2 AND message.uid = gone.uid
);

-- name: weigh_gone
SELECT count(*), ifnull(sum(size), 0), ifnull(sum(flags & 1 = 0), 0)
FROM temp.gone CROSS JOIN message ON message.uid = gone.uid
WHERE message.account_id = ? AND message.mailbox_id = ?;

-- name: write_journal
INSERT INTO deletion (account_id, at, mailbox, uid, uidl, email_id, action, credential, address)
SELECT account_id, ?3, mailbox.name, uid, ifnull(uidl, derived_uidl(uidvalidity, uid)), message.email_id,
       ?4, ?5, ?6
FROM temp.gone CROSS JOIN message USING (uid) JOIN mailbox USING (account_id, mailbox_id)
WHERE account_id = ?1 AND mailbox_id = ?2 ORDER BY uid;

-- name: hold_gone
INSERT INTO held (account_id, email_id, mailbox_id, uid, mailbox, uidl, flags, keywords, deleted, until, size)
SELECT account_id, message.email_id, mailbox_id, uid, mailbox.name,
       ifnull(uidl, derived_uidl(uidvalidity, uid)), flags, keywords, ?3, ?4, size
FROM temp.gone CROSS JOIN message USING (uid) JOIN mailbox USING (account_id, mailbox_id)
WHERE account_id = ?1 AND mailbox_id = ?2;

-- name: copy_gone
INSERT INTO message (account_id, mailbox_id, uid, modseq, flags, keywords, email_id, blob_id, size, received, uidl,
                     ascii_size, placed)
SELECT account_id, ?3, ?4 - 1 + row_number() OVER (ORDER BY uid), ?5, flags, keywords, email_id, blob_id, size,
       received, iif(
           EXISTS (SELECT 1 FROM message AS other
                   WHERE other.account_id = ?1 AND other.mailbox_id = ?3 AND other.uidl = moved.uidl),
           NULL, uidl
       ), ascii_size, ?6
FROM (
    SELECT account_id, uid, flags, keywords, message.email_id, blob_id, size, received,
           ifnull(uidl, derived_uidl(uidvalidity, uid)) AS uidl, ascii_size
    FROM temp.gone CROSS JOIN message USING (uid) JOIN mailbox USING (account_id, mailbox_id)
    WHERE account_id = ?1 AND mailbox_id = ?2
) AS moved;

-- name: grow_by_gone
UPDATE mailbox SET uidnext = uidnext + ?3, highestmodseq = ?4, messages = messages + ?3, octets = octets + ?5,
                   unseen = unseen + ?6
WHERE account_id = ?1 AND mailbox_id = ?2;

-- name: note_expunged
INSERT INTO expunged (account_id, mailbox_id, modseq, uid) SELECT ?1, ?2, ?3, uid FROM temp.gone;

-- name: forget_expunged
DELETE FROM expunged WHERE account_id = ? AND mailbox_id = ? AND modseq <= ?;

-- name: remove_gone
DELETE FROM message WHERE account_id = ? AND mailbox_id = ? AND uid IN (SELECT uid FROM temp.gone);

-- name: shrink_mailbox
UPDATE mailbox SET highestmodseq = ?3, messages = messages - ?4, octets = octets - ?5, unseen = unseen - ?6
WHERE account_id = ?1 AND mailbox_id = ?2;

-- name: remove_emails
DELETE FROM email
WHERE account_id = ?1 AND email_id IN (SELECT email_id FROM temp.gone)
  AND NOT EXISTS (SELECT 1 FROM message WHERE message.account_id = ?1 AND message.email_id = email.email_id)
  AND NOT EXISTS (SELECT 1 FROM held WHERE held.account_id = ?1 AND held.email_id = email.email_id)
RETURNING thread_id, blob_id, original_blob_id;

-- name: remove_thread
DELETE FROM thread
WHERE account_id = ?1 AND thread_id = ?2
  AND NOT EXISTS (SELECT 1 FROM email WHERE email.account_id = ?1 AND email.thread_id = ?2);

-- name: orphan
INSERT INTO orphan (blob_id, since) VALUES (?, ?) ON CONFLICT DO UPDATE SET since = excluded.since;
