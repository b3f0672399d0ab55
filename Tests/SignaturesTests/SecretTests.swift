import Signatures
import Testing

@Suite struct SecretTests {
    static let canary = "canary-9f1c-do-not-print-me-42"

    /// A secret deep in other values, as the relay's settings hold it.
    private struct Holder {
        let name = "crm"
        let secrets: [String: Secret?]
        let key: HMACKey
        let signer: Signer
        let verifier: Verifier
    }

    private func holder() throws -> Holder {
        let secret = Secret(Array(Self.canary.utf8))
        let key = HMACKey(secret)
        return Holder(
            secrets: ["key": secret], key: key,
            signer: try Signer(scheme: .standardWebhooks, secrets: [secret, secret]),
            verifier: Verifier(keys: [("new", key)]))
    }

    private func expectNoCanary(_ text: String) {
        let bytes = Array(Self.canary.utf8)
        #expect(!text.contains("canary"))
        #expect(!text.contains(bytes.map(String.init).joined(separator: ", ")))
        #expect(!text.contains("- \(bytes[0])\n"), "dump writes an array one element a line")
        #expect(!text.contains(Hex.encode(bytes)))
    }

    @Test func aSecretPrintsAsRedacted() {
        let secret = Secret(Array(Self.canary.utf8))
        #expect("\(secret)" == "<redacted>")
        #expect(String(describing: secret) == "<redacted>")
        #expect(String(reflecting: secret) == "<redacted>")
        #expect(secret.description == "<redacted>")
        #expect(secret.debugDescription == "<redacted>")
        #expect(Mirror(reflecting: secret).children.isEmpty)
    }

    @Test func nothingThatHoldsASecretPrintsIt() throws {
        let holder = try holder()
        var dumped = ""
        dump(holder, to: &dumped)
        #expect(dumped.contains("<redacted>"))
        for text in [dumped, "\(holder)", String(describing: holder), String(reflecting: holder)] {
            expectNoCanary(text)
        }
        for error in [SigningError.badKeys([.init(0, .tooShort(count: 3))]), .badKeys([.init(1, .notBase64(.hmac))])] {
            expectNoCanary("\(error)")
        }
    }

    @Test func secretsAreEqualByTheirBytes() {
        let secret = Secret([1, 2, 3])
        #expect(secret == Secret([1, 2, 3]))
        #expect(secret != Secret([1, 2, 4]))
        #expect(secret != Secret([1, 2]))
        #expect(Secret([]) == Secret([]))
        #expect(secret.count == 3)
    }
}
