import Testing

@testable import Relay

@Suite struct RedactionTests {
    private func redact(_ text: String, _ secrets: [String]) -> String {
        String(decoding: Redaction.redact(Array(text.utf8), secrets: secrets.map { Array($0.utf8) }), as: UTF8.self)
    }

    @Test(arguments: [
        ("", "", ["abc"]), ("abc", "<redacted>", ["abc"]), ("xabcy", "x<redacted>y", ["abc"]),
        ("aabcabcab", "a<redacted><redacted>ab", ["abc"]), ("ab", "ab", ["abc"]),
        ("tok Bearer tok", "<redacted> <redacted>", ["Bearer tok", "tok"]),
        (#"key \"a\/b+c\\\" no"#, #"key \"<redacted>\" no"#, [#"a/b+c\"#]), ("a%2fb%2Bc", "<redacted>", ["a/b+c"]),
        (#"a/b\u002bc"#, "<redacted>", ["a/b+c"]), (#"a/b\u002"#, #"a/b\u002"#, ["a/b+c"]), ("a%2", "a%2", ["a/"]),
        ("a%252F", "<redacted>", ["a%252F"]), ("tok and red", "<redacted> and <redacted>", ["tok", "red"]),
        ("xABCDE", "xA<redacted>", ["BCDE", "AB"]),
    ])
    func masksEachSecretWhereverItStands(text: String, expected: String, secrets: [String]) {
        #expect(redact(text, secrets) == expected)
    }

    @Test func knowsTheSecretsOfADestination() {
        let destination = Destination(
            name: "crm", method: "POST", url: "https://hooks.example.com/services/T0/SECRETSECRET42?sig=abcdefghijklmn",
            headers: [
                Destination.Header(name: "Authorization", value: "Bearer a-token-1234", isSecret: true),
                Destination.Header(name: "X-Team", value: "a plain value of the file", isSecret: false),
            ], signer: nil, options: TransferOptions(), retry: .standard, overrides: OutcomeOverrides(), concurrency: 1)
        let secrets = destination.secrets.map { String(decoding: $0, as: UTF8.self) }
        #expect(
            secrets == [
                "/services/T0/SECRETSECRET42?sig=abcdefghijklmn", "Bearer a-token-1234", "SECRETSECRET42",
                "abcdefghijklmn", "a-token-1234",
            ])
        let echo = "got POST /services/T0/SECRETSECRET42?sig=abcdefghijklmn with a-token-1234"
        #expect(redact(echo, secrets) == "got POST <redacted> with <redacted>")
    }

    private func destination(url: String, headers: [(name: String, value: String)]) throws -> Destination {
        let lines = headers.map { "\"\($0.name)\": \"\($0.value)\"" }.joined(separator: ", ")
        let text = routesText(destination: "\"headers\": {\(lines)}", url: "\"\(url)\"")
        let (configuration, findings) = try resolved(text, ["KEY": longKey])
        return try #require(configuration?.destinations["crm"], "\(findings)")
    }

    @Test(arguments: [
        // In a header whose name says so, words that may be a key; `Bearer` and the like are none.
        ("X-Key", "abc123${id}", "got abc123evt_1", "got <redacted>evt_1"),
        ("X-Key", "${id}-abc123", "evt_1-abc123", "evt_1<redacted>"),
        ("Authorization", "Bearer ${id}", "Bearer evt_1", "Bearer evt_1"),
        ("Authorization", "Bearer se-cret-of-ours${id}", "Bearer se-cret-of-oursevt_1", "Bearer <redacted>evt_1"),
        ("Cookie", "session=abc123; theme=dark; id=${id}", "session=abc123", "session=<redacted>"),
        ("Idempotency-Key", "calls-2024-${id}", "calls-2024-evt_1", "calls-2024-evt_1"),
        ("X-Team", "team-1234567 ${id}", "team-1234567 evt_1", "team-1234567 evt_1"),
    ])
    func aHeadersTemplateIsMaskedWhereItMayHoldASecret(name: String, value: String, echo: String, expected: String)
        throws
    {
        let destination = try destination(url: "https://crm.example.com/a", headers: [(name, value)])
        let shown = Redaction.redact(Array(echo.utf8), secrets: destination.secrets)
        #expect(String(decoding: shown, as: UTF8.self) == expected)
    }

    @Test(arguments: [
        ("https://crm.example.com/k9f2ab1/${id}", "/k9f2ab1/evt_1", "<redacted>evt_1"),
        ("https://crm.example.com/a/${id}?k=9f2ab1", "/a/evt_1?k=9f2ab1", "/a/evt_1<redacted>"),
        ("https://crm.example.com/a/${id}/notes", "/a/evt_1/notes", "/a/evt_1/notes"),
        ("https://crm.example.com/a/${id}/SECRETSECRET42", "SECRETSECRET42", "<redacted>"),
    ])
    func aURLsTemplateIsMaskedAsAURLIs(url: String, echo: String, expected: String) throws {
        let secrets = try destination(url: url, headers: []).secrets
        #expect(String(decoding: Redaction.redact(Array(echo.utf8), secrets: secrets), as: UTF8.self) == expected)
    }
}
