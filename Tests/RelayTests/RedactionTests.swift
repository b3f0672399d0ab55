import Relay
import Testing

@Suite struct RedactionTests {
    private func redact(_ text: String, _ secrets: [String]) -> String {
        String(decoding: Redaction.redact(Array(text.utf8), secrets: secrets.map { Array($0.utf8) }), as: UTF8.self)
    }

    @Test(arguments: [
        ("", "", ["abc"]), ("abc", "<redacted>", ["abc"]), ("xabcy", "x<redacted>y", ["abc"]),
        ("aabcabcab", "a<redacted><redacted>ab", ["abc"]), ("ab", "ab", ["abc"]),
        ("tok Bearer tok", "<redacted> <redacted>", ["Bearer tok", "tok"]),
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
}
