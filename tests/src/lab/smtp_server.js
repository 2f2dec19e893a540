// Runs nodemailer's smtp-server at the listeners of a configuration in JSON, the only argument, and delivers to
// Maildirs.
'use strict';

const fs = require('fs');
const path = require('path');
const configuration = JSON.parse(fs.readFileSync(process.argv[2], 'utf8'));
const { SMTPServer } = require(path.join(configuration.packages, 'node_modules', 'smtp-server'));

let count = 0;

function refuse(code, text) {
    return Object.assign(new Error(text), { responseCode: code });
}

// PLAIN and LOGIN bring a password, CRAM-MD5 a proof of it, XOAUTH2 a token
function authenticate(auth, session, callback) {
    const password = Object.hasOwn(configuration.users, auth.username) ? configuration.users[auth.username] : null;
    const right = {
        PLAIN: () => auth.password === password,
        LOGIN: () => auth.password === password,
        'CRAM-MD5': () => auth.validatePassword(password),
        XOAUTH2: () => auth.accessToken === configuration.token
    };
    if (password === null || !right[auth.method]()) {
        return callback(refuse(535, '5.7.8 not the password'));
    }
    return callback(null, { user: auth.username });
}

function recipient(address, session, callback) {
    if (!configuration.domains.includes(address.address.split('@').pop())) {
        return callback(refuse(550, '5.7.1 relaying denied'));
    }
    if (!configuration.mailboxes.includes(address.address)) {
        return callback(refuse(550, '5.1.1 no such user here'));
    }
    return callback();
}

// name=value, as they were given
function parameters(address) {
    return Object.entries(address.args || {})
        .map(([name, value]) => (value === true ? name : `${name}=${value}`))
        .join(' ');
}

function deliver(stream, session, callback) {
    const chunks = [];
    stream.on('data', chunk => chunks.push(chunk));
    stream.on('end', () => {
        if (stream.sizeExceeded) {
            return callback(refuse(552, '5.3.4 too large'));
        }
        const stored = Buffer.from(Buffer.concat(chunks).toString('latin1').replace(/\r\n/g, '\n'), 'latin1');
        for (const to of session.envelope.rcptTo) {
            const directory = path.join(configuration.mail, to.address);
            for (const name of ['tmp', 'new']) {
                fs.mkdirSync(path.join(directory, name), { recursive: true });
            }
            count += 1;
            const name = String(count).padStart(9, '0');
            const protocol = `ESMTP${session.secure ? 'S' : ''}${session.user ? 'A' : ''}`;
            const trace =
                `Return-Path: <${session.envelope.mailFrom.address}>\n` +
                `Delivered-To: ${to.address}\n` +
                `X-Mail-Parameters: ${parameters(session.envelope.mailFrom)}\n` +
                `X-Recipient-Parameters: ${parameters(to)}\n` +
                `Received: by smtp-server with ${protocol}\n`;
            fs.writeFileSync(path.join(directory, 'tmp', name), Buffer.concat([Buffer.from(trace), stored]));
            fs.renameSync(path.join(directory, 'tmp', name), path.join(directory, 'new', name));
        }
        return callback();
    });
}

for (const [name, port] of Object.entries(configuration.ports)) {
    const server = new SMTPServer({
        name: 'mx.example.net',
        secure: name === 'implicit',
        key: fs.readFileSync(configuration.key),
        cert: fs.readFileSync(configuration.certificate),
        ca: fs.readFileSync(configuration.authority),
        requestCert: name === 'certificate',
        rejectUnauthorized: name === 'certificate',
        hideSTARTTLS: name === 'plain',
        allowInsecureAuth: name === 'plain',
        authOptional: name === 'plain' || name === 'certificate',
        authMethods: ['PLAIN', 'LOGIN', 'CRAM-MD5', 'XOAUTH2'],
        hideENHANCEDSTATUSCODES: false,
        hideDSN: false,
        disableReverseLookup: true,
        // many messages on one connection are no attack
        maxAllowedUnauthenticatedCommands: 1e6,
        size: configuration.size,
        onAuth: authenticate,
        onRcptTo: recipient,
        onData: deliver
    });
    // a connection that breaks is the client's affair; a listener that cannot open is not
    server.on('error', error => {
        if (error.syscall === 'listen') {
            console.error(error.message);
            process.exit(1);
        }
    });
    server.listen(port, '127.0.0.1');
}
