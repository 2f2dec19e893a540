// Composes a message with nodemailer, as its documentation shows it.
// Arguments: the description in JSON, and where to write the message.
'use strict';

const fs = require('fs');
const MailComposer = require('nodemailer/lib/mail-composer');

const sample = JSON.parse(fs.readFileSync(process.argv[2], 'utf8'));
const addresses = (mailboxes) => mailboxes.filter((mailbox) => mailbox.address);
const to = addresses(sample.to);
const cc = addresses(sample.cc);
const headers = {};
for (const [name, value] of sample.headers) {
    headers[name] = { prepared: true, value };
}
const message = {
    from: addresses(sample.from),
    sender: addresses(sample.sender)[0],
    replyTo: addresses(sample.reply_to),
    to: to.length || cc.length ? to : 'undisclosed-recipients:;',
    cc,
    subject: sample.subject || '',
    text: sample.text === null ? undefined : sample.text,
    html: sample.html === null ? undefined : sample.html,
    headers,
    attachments: sample.attachments.map((attachment) => ({
        filename: attachment.name,
        contentType: attachment.type,
        content: Buffer.from(attachment.octets, 'base64'),
        cid: attachment.cid || undefined,
    })),
};
new MailComposer(message).compile().build((error, octets) => {
    if (error) {
        throw error;
    }
    fs.writeFileSync(process.argv[3], octets);
});
