import Signatures
import Testing

/// Known answers from Python's `hmac`, `standardwebhooks` 1.1.0 and `svix` 2.9.1, which agreed:
/// ```
/// import hmac; from datetime import datetime, timezone; from base64 import b64encode
/// from standardwebhooks import Webhook      # and from svix.webhooks import Webhook
/// raw, old = b"0123456789abcdef" * 2, bytes(range(24))
/// body = '{"duration":183,"link":"@acme.sales","user":{"name":"Zoë"}}'
/// at = datetime.fromtimestamp(1598615831, timezone.utc)
/// for key in raw, old:
///     print(Webhook("whsec_" + b64encode(key).decode()).sign("evt_000102030405060708090a0b0c0d0e0f", at, body))
/// code = hmac.new(raw, body.encode(), "sha256"); print(code.hexdigest(), b64encode(code.digest()))
/// ```
@Suite struct SignerTests {
    static let body = Array(#"{"duration":183,"link":"@acme.sales","user":{"name":"Zoë"}}"#.utf8)
    static let raw = "0123456789abcdef0123456789abcdef"
    static let wrapped = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
    static let wrappedOld = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX"
    static let newSignature = "v1,1WKgvQRxNCpr6ViNXUuHmgJ85AQiNgHk1Yq1uIHqMxY="
    static let oldSignature = "v1,gmMizD7dxZ7vtxvu6Zi3Anm/nKn31gpyGkaYTjgZ6Uo="
    static let hex = "9d9dde85d5d3a8d30b1105474760f01878a7809ae2df4cfcfd250b949b5aac8c"
    static let base64 = "nZ3ehdXTqNMLEQVHR2DwGHingJri30z8/SULlJtarIw="

    private func headers(_ scheme: SigningScheme, _ keys: [String]) throws -> [String] {
        let signer = try Signer(scheme: scheme, secrets: keys.map { Secret(Array($0.utf8)) })
        let headers = signer.headers(
            id: "evt_000102030405060708090a0b0c0d0e0f", timestampSeconds: 1_598_615_831, body: Self.body)
        #expect(headers.map(\.name) == scheme.headerNames)
        return headers.map { "\($0.name): \($0.value)" }
    }

    private func fault(_ scheme: SigningScheme, _ secrets: [[UInt8]]) -> SigningError? {
        do {
            _ = try Signer(scheme: scheme, secrets: secrets.map { Secret($0) })
            return nil
        } catch {
            return error
        }
    }

    @Test func gruveoSignsTheBodyInHex() throws {
        #expect(try headers(.gruveo, [Self.raw]) == ["X-Gruveo-SHA256-HMAC: " + Self.hex])
    }

    @Test func gitHubSignsTheBodyInHexAfterAPrefix() throws {
        #expect(try headers(.github, [Self.raw]) == ["X-Hub-Signature-256: sha256=" + Self.hex])
    }

    @Test func hmacSignsTheBodyAsTold() throws {
        let hex = SigningScheme.hmac(header: "X-Signature", prefix: "hmac ", encoding: .hex)
        #expect(try headers(hex, [Self.raw]) == ["X-Signature: hmac " + Self.hex])
        let base64 = SigningScheme.hmac(header: "Signature", prefix: "", encoding: .base64)
        #expect(try headers(base64, [Self.raw]) == ["Signature: " + Self.base64])
    }

    @Test(arguments: [raw, wrapped, String(wrapped.dropLast())])
    func standardWebhooksSignsIdTimeAndBody(key: String) throws {
        let expected = ["webhook-timestamp: 1598615831", "webhook-signature: " + Self.newSignature]
        #expect(try headers(.standardWebhooks, [key]) == expected)
    }

    @Test func standardWebhooksSignsWithEachKeyInTurn() throws {
        let expected = "webhook-signature: \(Self.newSignature) \(Self.oldSignature)"
        #expect(try headers(.standardWebhooks, [Self.wrapped, Self.wrappedOld]).last == expected)
    }

    /// The example of "Verifying requests from Slack": its secret, time, body and signature.
    @Test func slackSignsTimeAndBodyAsItsOwnExample() throws {
        let body =
            "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V"
            + "&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text="
            + "&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554"
            + "%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
        let signer = try Signer(scheme: .slack, secrets: [Secret(Array("8f742231b10e8888abcd99yyyzzz85a5".utf8))])
        let headers = signer.headers(id: "evt_1", timestampSeconds: 1_531_420_618, body: Array(body.utf8))
        #expect(
            headers.map { "\($0.name): \($0.value)" } == [
                "X-Slack-Request-Timestamp: 1531420618",
                "X-Slack-Signature: v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503",
            ])
    }

    @Test func ofSeveralKeysTheFirstSignsForSlack() throws {
        let two = try headers(.slack, [Self.raw, Self.wrapped])
        #expect(try two == headers(.slack, [Self.raw]))
        #expect(try two != headers(.slack, [Self.wrapped]))
    }

    @Test func onlyStandardWebhooksUnwrapsItsKeys() throws {
        let key = HMACKey(Secret(Array(Self.wrapped.utf8)))
        let expected = "X-Gruveo-SHA256-HMAC: " + Hex.encode(key.authenticate(Self.body))
        #expect(try headers(.gruveo, [Self.wrapped]) == [expected])
    }

    @Test(arguments: [
        SigningScheme.gruveo, .github, .standardWebhooks, .slack,
        .hmac(header: "X-Signature", prefix: "", encoding: .hex),
    ])
    func keysMustBeThereAndLongEnough(scheme: SigningScheme) {
        let key = [UInt8](repeating: 7, count: 16)
        #expect(fault(scheme, []) == .noKey)
        #expect(fault(scheme, [[]]) == .badKeys([.init(0, .tooShort(count: 0))]))
        #expect(fault(scheme, [Array(key.dropLast())]) == .badKeys([.init(0, .tooShort(count: 15))]))
        #expect(fault(scheme, [key]) == nil)
        #expect(fault(scheme, [key, key]) == ([.standardWebhooks, .slack].contains(scheme) ? nil : .severalKeys))
    }

    @Test(arguments: ["*", "QUJD REVGR0hJSktMTU5PUFFS", "QUJDREVGR0hJSktMTU5PUFFSU1R=V"])
    func keysOfStandardWebhooksMustBeBase64(text: String) {
        let keys = [Array(Self.wrapped.utf8), Array("whsec_\(text)".utf8)]
        #expect(fault(.standardWebhooks, keys) == .badKeys([.init(1, .notBase64(.hmac))]))
    }

    @Test func theUnwrappedKeyIsMeasured() {
        let fifteen = Base64.encode([UInt8](repeating: 7, count: 15))
        #expect(
            fault(.standardWebhooks, [Array("whsec_\(fifteen)".utf8)]) == .badKeys([.init(0, .tooShort(count: 15))]))
        #expect(fault(.standardWebhooks, [Array("whsec_".utf8)]) == .badKeys([.init(0, .tooShort(count: 0))]))
    }

    @Test(arguments: [
        ("", SigningError.badHeaderName), ("X Signature", .badHeaderName), ("X-Signature:", .badHeaderName),
        ("X\r\nInjected", .badHeaderName), ("X-Sig\0", .badHeaderName), ("X-Sign\u{e9}", .badHeaderName),
        ("(X)", .badHeaderName), ("X/Y", .badHeaderName), ("X\t", .badHeaderName),
        ("\u{212A}-Signature", .badHeaderName),
        ("Host", .reservedHeaderName), ("host", .reservedHeaderName), ("CONTENT-length", .reservedHeaderName),
        ("Transfer-Encoding", .reservedHeaderName), ("connection", .reservedHeaderName),
    ])
    func headersThatMayNotBeSentAreRefused(name: String, expected: SigningError) {
        let scheme = SigningScheme.hmac(header: name, prefix: "", encoding: .hex)
        #expect(fault(scheme, [Array(Self.raw.utf8)]) == expected)
    }

    @Test(arguments: ["X-Signature", "!#$%&'*+-.^_`|~09azAZ", "Hosts"]) func tokensAreHeaderNames(name: String) {
        let scheme = SigningScheme.hmac(header: name, prefix: "", encoding: .hex)
        #expect(fault(scheme, [Array(Self.raw.utf8)]) == nil)
    }

    @Test(arguments: ["\r\nInjected: 1", "\n", "\r", "\0", "\u{7F}", "\u{e9}"])
    func prefixesCannotEndTheHeader(prefix: String) {
        let scheme = SigningScheme.hmac(header: "X-Signature", prefix: prefix, encoding: .hex)
        #expect(fault(scheme, [Array(Self.raw.utf8)]) == .badPrefix)
    }
}
