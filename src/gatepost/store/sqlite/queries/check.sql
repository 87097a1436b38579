-- Each row is something wrong: (account, place, problem). Everything runs in one snapshot.

-- name: bodies
SELECT blob_id, sha256, size FROM body WHERE blob_id > ? ORDER BY blob_id LIMIT ?;

-- name: count_bodies
SELECT count(*) FROM body;

-- name: has_body
SELECT 1 FROM body WHERE blob_id = ?;

-- name: messages_of_body
SELECT ifnull(account.login, 'account ' || email.account_id), ifnull(mailbox.name || ' UID ' || message.uid, 'held')
FROM email
LEFT JOIN account USING (account_id)
LEFT JOIN message ON message.account_id = email.account_id AND message.email_id = email.email_id
LEFT JOIN mailbox ON mailbox.account_id = email.account_id AND mailbox.mailbox_id = message.mailbox_id
WHERE email.blob_id = ?1 OR (email.original_blob_id = ?1 AND email.original_blob_id <> 0);

-- name: account_ids
SELECT account_id, login FROM account WHERE account_id > ? ORDER BY account_id LIMIT ?;

-- name: mailbox_ids
SELECT mailbox_id, name FROM mailbox WHERE account_id = ? AND mailbox_id > ? ORDER BY mailbox_id LIMIT ?;

-- name: uids
SELECT uid, email_id, blob_id FROM message
WHERE account_id = ? AND mailbox_id = ? AND uid > ? ORDER BY uid LIMIT ?;

-- name: mailbox_counters
WITH counted AS (
    SELECT account_id, mailbox_id, count(*) AS messages, sum(size) AS octets, sum(flags & 1 = 0) AS unseen
    FROM message GROUP BY account_id, mailbox_id
)
SELECT ifnull(account.login, 'account ' || mailbox.account_id), mailbox.name,
       printf('counters say %d messages, %d octets, %d unseen; there are %d, %d, %d', mailbox.messages,
              mailbox.octets, mailbox.unseen, ifnull(counted.messages, 0), ifnull(counted.octets, 0),
              ifnull(counted.unseen, 0))
FROM mailbox
LEFT JOIN counted USING (account_id, mailbox_id)
LEFT JOIN account USING (account_id)
WHERE (mailbox.messages, mailbox.octets, mailbox.unseen)
   IS NOT (ifnull(counted.messages, 0), ifnull(counted.octets, 0), ifnull(counted.unseen, 0));

-- name: account_used
WITH counted AS (
    SELECT account_id, sum(size) AS octets
    FROM (SELECT account_id, size FROM message UNION ALL SELECT account_id, size FROM held) GROUP BY account_id
)
SELECT login, 'quota', printf('%d octets are noted as used; there are %d', used, ifnull(octets, 0))
FROM account LEFT JOIN counted USING (account_id) WHERE used <> ifnull(octets, 0);

-- name: mailbox_marks
SELECT ifnull(account.login, 'account ' || mailbox.account_id), mailbox.name,
       printf('UIDNEXT %d or HIGHESTMODSEQ %d is below a message''s', uidnext, highestmodseq)
FROM mailbox LEFT JOIN account USING (account_id)
WHERE EXISTS (
    SELECT 1 FROM message
    WHERE message.account_id = mailbox.account_id AND message.mailbox_id = mailbox.mailbox_id
      AND (message.uid >= uidnext OR message.modseq > highestmodseq)
);

-- name: messages_without_email
SELECT ifnull(account.login, 'account ' || message.account_id),
       ifnull(mailbox.name, 'mailbox ' || message.mailbox_id) || ' UID ' || uid,
       CASE WHEN email.email_id IS NULL THEN 'its content record is missing'
            WHEN mailbox.mailbox_id IS NULL THEN 'its mailbox is missing'
            ELSE 'size or body differ from its content record' END
FROM message
LEFT JOIN email USING (account_id, email_id)
LEFT JOIN mailbox USING (account_id, mailbox_id)
LEFT JOIN account USING (account_id)
WHERE email.email_id IS NULL OR mailbox.mailbox_id IS NULL
   OR (message.blob_id, message.size, message.ascii_size) IS NOT (email.blob_id, email.size, email.ascii_size);

-- name: held_without_email
SELECT ifnull(account.login, 'account ' || held.account_id), 'held from ' || held.mailbox,
       'its content record is missing'
FROM held LEFT JOIN email USING (account_id, email_id) LEFT JOIN account USING (account_id)
WHERE email.email_id IS NULL;

-- name: emails_without_body
SELECT ifnull(account.login, 'account ' || email.account_id), 'email ' || email_id,
       CASE WHEN body.blob_id IS NULL THEN 'its body is missing'
            WHEN email.size - body.size NOT IN (0, 2) THEN 'its body has another size'
            ELSE 'its body as received is missing' END
FROM email
LEFT JOIN body USING (blob_id)
LEFT JOIN body AS original ON original.blob_id = email.original_blob_id
LEFT JOIN account USING (account_id)
WHERE body.blob_id IS NULL OR email.size - body.size NOT IN (0, 2)  -- 2: the line end that a last line lacks
   OR (email.original_blob_id <> 0 AND original.blob_id IS NULL);

-- name: emails_without_message
SELECT ifnull(account.login, 'account ' || email.account_id), 'email ' || email_id,
       'no message and no hold refers to it'
FROM email LEFT JOIN account USING (account_id)
WHERE NOT EXISTS (
    SELECT 1 FROM message WHERE message.account_id = email.account_id AND message.email_id = email.email_id
) AND NOT EXISTS (
    SELECT 1 FROM held WHERE held.account_id = email.account_id AND held.email_id = email.email_id
);

-- name: bodies_without_email
SELECT '', 'body ' || blob_id, 'no message refers to it'
FROM body
WHERE NOT EXISTS (SELECT 1 FROM email WHERE email.blob_id = body.blob_id)
  AND NOT EXISTS (
      SELECT 1 FROM email WHERE email.original_blob_id = body.blob_id AND email.original_blob_id <> 0
  )
  AND NOT EXISTS (SELECT 1 FROM orphan WHERE orphan.blob_id = body.blob_id);

-- name: chunks_without_body
SELECT '', 'body ' || blob_id, 'octets without a body record'
FROM (SELECT blob_id FROM blob UNION SELECT blob_id FROM blob_chunk)
WHERE blob_id NOT IN (SELECT blob_id FROM body) AND blob_id NOT IN (SELECT blob_id FROM upload)
  AND blob_id NOT IN (SELECT blob_id FROM orphan);

-- name: accounts_incomplete
SELECT login, 'account', 'its INBOX or its own address is missing'
FROM account
WHERE NOT EXISTS (
    SELECT 1 FROM mailbox WHERE mailbox.account_id = account.account_id AND mailbox.name = 'INBOX'
) OR NOT EXISTS (
    SELECT 1 FROM address WHERE address.account_id = account.account_id AND address.address = account.login
);

-- name: strangers
SELECT 'account ' || account_id, what, 'belongs to an account that is not there'
FROM (
    SELECT account_id, 'address ' || address AS what FROM address
    UNION ALL SELECT account_id, 'credential ' || name FROM credential
    UNION ALL SELECT account_id, 'mailbox ' || name FROM mailbox
) WHERE account_id NOT IN (SELECT account_id FROM account);
