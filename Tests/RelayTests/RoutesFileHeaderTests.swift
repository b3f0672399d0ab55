import Testing

@testable import Relay

@Suite struct RoutesFileHeaderTests {
    @Test(arguments: [
        (
            #"{"X-Bad\r\nX-Injected": "1"}"#,
            #"error: destinations.crm.headers."X-Bad\u{d}\u{a}X-Injected": "X-Bad\u{d}\u{a}X-Injected" is not a "#
                + #"header name: letters, digits and !#$%&'*+.^_`|~- only"#
        ),
        (
            #"{"": "1"}"#,
            #"error: destinations.crm.headers."": "" is not a header name: letters, digits and !#$%&'*+.^_`|~- only"#
        ),
        (
            #"{"Ho st": "1"}"#,
            #"error: destinations.crm.headers."Ho st": "Ho st" is not a header name: letters, digits and "#
                + #"!#$%&'*+.^_`|~- only"#
        ),
        (
            #"{"HOST": "x"}"#,
            #"error: destinations.crm.headers.HOST: the header "HOST" belongs to the transfer: remove it"#
        ),
        (
            #"{"content-length": "0"}"#,
            #"error: destinations.crm.headers.content-length: the header "content-length" belongs to the "#
                + #"transfer: remove it"#
        ),
        (
            #"{"Transfer-Encoding": "x"}"#,
            #"error: destinations.crm.headers.Transfer-Encoding: the header "Transfer-Encoding" belongs to the "#
                + #"transfer: remove it"#
        ),
        (
            #"{"Connection": "close"}"#,
            #"error: destinations.crm.headers.Connection: the header "Connection" belongs to the transfer: remove it"#
        ),
        (
            #"{"Webhook-Id": "1"}"#,
            #"error: destinations.crm.headers.Webhook-Id: the header "Webhook-Id" is set by the relay: remove it"#
        ),
        (
            #"{"relay-attempt": "1"}"#,
            #"error: destinations.crm.headers.relay-attempt: the header "relay-attempt" is set by the relay: remove it"#
        ),
        (
            #"{"X-Gruveo-SHA256-HMAC": "1"}"#,
            #"error: destinations.crm.headers.X-Gruveo-SHA256-HMAC: the header "X-Gruveo-SHA256-HMAC" is set by "#
                + #""sign": remove it"#
        ),
        (#"{"X-A": "1", "x-a": "2"}"#, #"error: destinations.crm.headers.x-a: the header "x-a" stands here twice"#),
        (
            #"{"X-A": "x\r\nX-Injected: 1"}"#,
            "error: destinations.crm.headers.X-A: a header may not hold a line break: remove it"
        ),
        (#"{"X-A": "x\n"}"#, "error: destinations.crm.headers.X-A: a header may not hold a line break: remove it"),
        (#"{"X-A": "a\u0000b"}"#, "error: destinations.crm.headers.X-A: a header may not hold NUL: remove it"),
        (
            #"{"X-A": "é"}"#,
            "error: destinations.crm.headers.X-A: a header may hold visible ASCII, spaces and tabs only"
        ),
        (
            #"{"X-A": "\u001b[2J"}"#,
            "error: destinations.crm.headers.X-A: a header may hold visible ASCII, spaces and tabs only"
        ),
        (#"{"X-A": ""}"#, "error: destinations.crm.headers.X-A: a header may not be empty"),
        (
            #"{"Authorization": "Bearer canary"}"#,
            #"warning: destinations.crm.headers.Authorization: this looks like a secret written plainly: refer "#
                + #"to it by {"credential": "NAME"}, {"env": "NAME"} or {"file": "PATH"}"#
        ),
        (
            #"{"X-Functions-Key": "canary", "X-Idempotency-Key": "plain"}"#,
            #"warning: destinations.crm.headers.X-Functions-Key: this looks like a secret written plainly: refer to "#
                + #"it by {"credential": "NAME"}, {"env": "NAME"} or {"file": "PATH"}"#
        ),
        (
            #"{"X-Api-Key": "canary"}"#,
            #"warning: destinations.crm.headers.X-Api-Key: this looks like a secret written plainly: refer to "#
                + #"it by {"credential": "NAME"}, {"env": "NAME"} or {"file": "PATH"}"#
        ),
    ])
    func faultyHeaders(headers: String, expected: String) {
        #expect(messages(routesText(destination: "\"headers\": \(headers)")) == [expected])
    }

    @Test func aPlainSecretIsMaskedAllTheSame() throws {
        let text = routesText(destination: #""headers": {"Authorization": "Bearer abc", "X-Team": "sales\t1"}"#)
        let headers = try resolved(text, ["KEY": longKey]).configuration?.destinations["crm"]?.headers
        #expect(headers?.map(\.isSecret) == [true, false])
    }

    @Test func oneHeaderHasOneOwner() {
        let auth = #""headers": {"authorization": {"env": "T"}}, "auth": {"bearer": {"env": "T"}}"#
        #expect(
            messages(routesText(destination: auth)) == [
                #"error: destinations.crm.headers.authorization: "auth" sets this header too: leave one of the two"#
            ])
        let sign = #""headers": {"X-Sig": "1"}, "sign": {"scheme": "hmac", "header": "x-sig", "keys": [{"env": "K"}]}"#
        #expect(
            messages(routesText(destination: sign)) == [
                #"error: destinations.crm.sign: another key sets the header "x-sig" too"#
            ])
    }

    @Test(arguments: [
        (
            #"{"bearer": "canary"}"#,
            #"auth.bearer: a secret may not be written here: refer to it by {"credential": "NAME"}, {"env": "#
                + #""NAME"} or {"file": "PATH"}"#
        ),
        (
            #"{"bearer": {"env": "A"}, "basic": {"user": "a", "password": {"env": "B"}}}"#,
            #"auth: only one of "bearer", "basic" and "oauth2" may be given"#
        ),
        (#"{"basic": {"user": "a:b", "password": {"env": "B"}}}"#, "auth.basic.user: the user may not hold a colon"),
        (
            #"{"basic": {"user": "a", "password": "canary"}}"#,
            #"auth.basic.password: a secret may not be written here: refer to it by {"credential": "NAME"}, "#
                + #"{"env": "NAME"} or {"file": "PATH"}"#
        ),
        (
            #"{"basic": {"user": "a"}}"#,
            #"auth.basic: "password" is missing: refer to it by {"credential": "NAME"}, {"env": "NAME"} or "#
                + #"{"file": "PATH"}"#
        ),
        (#"{"bearr": {"env": "A"}}"#, #"auth: unknown key "bearr", did you mean "bearer"?"#),
    ])
    func faultyAuth(auth: String, expected: String) {
        #expect(messages(routesText(destination: "\"auth\": \(auth)")) == ["error: destinations.crm.\(expected)"])
    }

    @Test(arguments: [
        (
            #"{"scheme": "hmac", "keys": [{"env": "K"}]}"#,
            #"sign: "header" is missing: add the name of the header that holds the signature"#
        ),
        (
            #"{"scheme": "hmac", "header": "Relay-Attempt", "keys": [{"env": "K"}]}"#,
            #"sign.header: the header "Relay-Attempt" is set by the relay: remove it"#
        ),
        (
            #"{"scheme": "hmac", "header": "Content-Type", "keys": [{"env": "K"}]}"#,
            #"sign.header: the header "Content-Type" cannot hold a signature"#
        ),
        (
            #"{"scheme": "hmac", "header": "", "keys": [{"env": "K"}]}"#,
            #"sign.header: "" is not a header name: letters, digits and !#$%&'*+.^_`|~- only"#
        ),
        (
            #"{"scheme": "hmac", "header": "X", "prefix": "a\r\nb", "keys": [{"env": "K"}]}"#,
            "sign.prefix: a header may not hold a line break: remove it"
        ),
        (
            #"{"scheme": "hmac", "header": "X", "encoding": "text", "keys": [{"env": "K"}]}"#,
            #"sign.encoding: "text" is none of "hex" or "base64""#
        ),
        (
            #"{"scheme": "gruveo", "header": "X", "keys": [{"env": "K"}]}"#,
            #"sign.header: only the scheme "hmac" has this key: remove it"#
        ),
        (
            #"{"scheme": "github", "keys": [{"env": "K"}, {"env": "L"}]}"#,
            #"sign.keys: the scheme "github" signs with one key: leave one here"#
        ),
        (
            #"{"scheme": "githup", "keys": [{"env": "K"}]}"#,
            #"sign.scheme: "githup" is none of "gruveo", "standard-webhooks", "github", "slack" or "hmac", did "#
                + #"you mean "github"?"#
        ),
        (
            #"{"scheme": "github", "keys": ["canary"]}"#,
            #"sign.keys[0]: a secret may not be written here: refer to it by {"credential": "NAME"}, {"env": "#
                + #""NAME"} or {"file": "PATH"}"#
        ),
        (
            #"{"scheme": "github", "keys": "canary"}"#,
            #"sign.keys: a secret may not be written here: refer to it by {"credential": "NAME"}, {"env": "#
                + #""NAME"} or {"file": "PATH"}"#
        ),
        (#"{"scheme": "github", "key": {"env": "K"}}"#, #"sign: unknown key "key", did you mean "keys"?"#),
        (
            #"{"keys": [{"env": "K"}]}"#,
            #"sign: "scheme" is missing: add "scheme": "gruveo", "standard-webhooks", "github", "slack" or "hmac""#
        ),
    ])
    func faultySigning(sign: String, expected: String) {
        #expect(messages(routesText(destination: "\"sign\": \(sign)")) == ["error: destinations.crm.\(expected)"])
    }

    @Test(arguments: [
        (#"{"env": "A", "file": "B"}"#, #": only one of "credential", "env" and "file" may be given"#),
        (
            #"{}"#,
            #": "credential", "env" or "file" is missing: refer to a secret by {"credential": "NAME"}, {"env": "#
                + #""NAME"} or {"file": "PATH"}"#
        ),
        (#"{"credental": "A"}"#, #": unknown key "credental", did you mean "credential"?"#),
        (
            #"{"credential": "../A"}"#,
            #".credential: must be the name of a credential: a file name without "/" and spaces"#
        ),
        (
            #"{"credential": ".."}"#,
            #".credential: must be the name of a credential: a file name without "/" and spaces"#
        ),
        (
            #"{"env": "A-B"}"#,
            #".env: must be the name of an environment variable: letters, digits and "_", no digit first"#
        ),
        (
            #"{"env": "1A"}"#,
            #".env: must be the name of an environment variable: letters, digits and "_", no digit first"#
        ),
        (#"{"file": "a\u0000b"}"#, ".file: must be the path of a file, without control characters"),
        (#"{"env": "A", "encoding": "b64"}"#, #".encoding: "b64" is none of "text", "hex" or "base64""#),
        (#"{"env": "A", "prefix": "\r\n"}"#, ".prefix: a header may not hold a line break: remove it"),
        (
            #"{"env": "A", "label": "x"}"#,
            #": unknown key "label": remove it; the keys here are credential, env, file, encoding, prefix"#
        ),
        (
            "7",
            #": must be a string or a reference such as {"credential": "NAME"}, {"env": "NAME"} or {"file": "#
                + #""PATH"}, not a number"#
        ),
    ])
    func faultyReferences(reference: String, expected: String) {
        #expect(messages(routesText(url: reference)) == ["error: destinations.crm.url\(expected)"])
    }
}
