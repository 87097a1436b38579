-- Run once on a restored copy, before anybody sees it.

-- name: recount_mailboxes
UPDATE mailbox SET (messages, octets, unseen) = (
    SELECT count(*), ifnull(sum(size), 0), ifnull(sum(flags & 1 = 0), 0) FROM message
    WHERE message.account_id = mailbox.account_id AND message.mailbox_id = mailbox.mailbox_id
);

-- name: recount_used
UPDATE account SET used =
    (SELECT ifnull(sum(size), 0) FROM message WHERE message.account_id = account.account_id)
  + (SELECT ifnull(sum(size), 0) FROM held WHERE held.account_id = account.account_id);

-- name: skip_uids
UPDATE mailbox SET
    uidnext = min(4294967295, ?1 + max(uidnext, (
        SELECT ifnull(max(uid), 0) + 1 FROM message
        WHERE message.account_id = mailbox.account_id AND message.mailbox_id = mailbox.mailbox_id
    ))),
    highestmodseq = ?1 + max(highestmodseq, (
        SELECT ifnull(max(modseq), 0) FROM message
        WHERE message.account_id = mailbox.account_id AND message.mailbox_id = mailbox.mailbox_id
    ));

-- name: release_unused_emails
DELETE FROM email
WHERE NOT EXISTS (
    SELECT 1 FROM message WHERE message.account_id = email.account_id AND message.email_id = email.email_id
) AND NOT EXISTS (
    SELECT 1 FROM held WHERE held.account_id = email.account_id AND held.email_id = email.email_id
);

-- name: release_unused_bodies
INSERT INTO orphan (blob_id, since)
SELECT blob_id, 0 FROM (SELECT blob_id FROM blob UNION SELECT blob_id FROM blob_chunk UNION SELECT blob_id FROM body)
WHERE blob_id NOT IN (SELECT blob_id FROM email) AND blob_id NOT IN (SELECT original_blob_id FROM email)
  AND blob_id NOT IN (SELECT blob_id FROM upload)
ON CONFLICT DO NOTHING;
