import Signatures
import Testing

@Suite struct StandardWebhooksKeyTests {
    /// Svix's server, `test_asymmetric_key_signing` in `server/svix-server/src/worker.rs`; the signature is also the
    /// example of `v1a` in the specification of Standard Webhooks, section "Webhook headers".
    static let whole =
        "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg=="
    static let seedOnly = "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbc="
    static let publicKey = "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4="
    static let signature =
        "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg=="
    /// Standard Webhooks' Go library, `TestAsymmetricWebhookSign` in `libraries/go/webhook_asymmetric_test.go`.
    static let goKey = "whsk_VEVTVFNJR05JTkdLRVlET05PVFVTRVRISVNGT1JBTlk="
    static let goSignature =
        "v1a,tQ9V2XOqn7jL/DQenEFpqIugdBVtiMmER5mhSkXBNwM0mkATuDe6KYYUuxqtaiHeYGb7KaaBRdM5WqyeFiL8Ag=="
    /// Standard Webhooks' libraries, `MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw` with the same message.
    static let hmacKey = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    static let hmacSignature = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    /// The message of all three.
    static let id = "msg_p5jXN8AQM9LWM0D4loKWxJek"
    static let time: Int64 = 1_614_265_330
    static let body = Array(#"{"test": 2432232314}"#.utf8)

    private func secret(_ text: String) -> Secret { Secret(Array(text.utf8)) }

    private func signatures(_ keys: String...) throws -> String? {
        let signer = try Signer(scheme: .standardWebhooks, secrets: keys.map(secret))
        return signer.headers(id: Self.id, timestampSeconds: Self.time, body: Self.body)
            .first { $0.name == "webhook-signature" }?.value
    }

    private func verifies(
        _ key: String, _ header: String, id: String = id, time: Int64 = time, body: [UInt8] = body
    ) throws -> Bool {
        try VerifyingKey(standardWebhooks: secret(key))
            .verifies(header, id: id, timestampSeconds: time, body: body)
    }

    @Test(arguments: [
        (whole, signature), (seedOnly, signature), (String(seedOnly.dropLast()), signature), (goKey, goSignature),
        (hmacKey, hmacSignature),
    ])
    func signsThePublishedExamples(key: String, expected: String) throws {
        #expect(try signatures(key) == expected)
    }

    @Test func bothKindsStandInOneHeaderInTheOrderOfTheKeys() throws {
        #expect(try signatures(Self.whole, Self.hmacKey) == "\(Self.signature) \(Self.hmacSignature)")
        #expect(
            try signatures(Self.hmacKey, Self.goKey, Self.whole)
                == "\(Self.hmacSignature) \(Self.goSignature) \(Self.signature)")
    }

    @Test(arguments: [
        (publicKey, signature), (whole, signature), (seedOnly, signature), (goKey, goSignature),
        (hmacKey, hmacSignature),
    ])
    func verifiesWhatWasSignedAndNothingThatWasChanged(key: String, header: String) throws {
        #expect(try verifies(key, header))
        #expect(try verifies(key, "v1,AAAA v1a,AAAA v2,x junk \(header)  v1,*"))
        #expect(try !verifies(key, header, id: Self.id + "x"))
        #expect(try !verifies(key, header, time: Self.time + 1))
        #expect(try !verifies(key, header, body: Self.body + [32]))
        #expect(try !verifies(key, ""))
        #expect(try !verifies(key, String(header.dropFirst(3))))
        #expect(try !verifies(key, header.replacingVersion()))
    }

    @Test func aKeyPassesOverTheSignaturesOfOthers() throws {
        let others = "\(Self.goSignature) \(Self.hmacSignature)"
        #expect(try !verifies(Self.publicKey, others))
        #expect(try verifies(Self.publicKey, "\(others) \(Self.signature)"))
    }

    private func fault(_ make: () throws(KeyFault) -> Void) -> KeyFault? {
        do throws(KeyFault) { try make() } catch { return error }
        return nil
    }

    @Test(arguments: [
        (publicKey, KeyFault.publicKey), ("whpk_", .publicKey), ("whsk_*", .notBase64(.ed25519Private)),
        ("whsk_", .wrongLength(count: 0)),
        ("whsk_" + Base64.encode([UInt8](repeating: 1, count: 31)), .wrongLength(count: 31)),
        ("whsk_" + Base64.encode([UInt8](repeating: 1, count: 33)), .wrongLength(count: 33)),
        ("whsk_" + Base64.encode([UInt8](repeating: 1, count: 63)), .wrongLength(count: 63)),
        ("whsk_" + Base64.encode([UInt8](repeating: 1, count: 64)), .halvesDiffer),
        (
            "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlaaaaaaaaaaAJ6p9lMicMFs6Kvg==",
            .halvesDiffer
        ),
        ("whsec_*", .notBase64(.hmac)), ("whsec_AAAA", .tooShort(count: 3)), ("short", .tooShort(count: 5)),
    ])
    func aKeyThatCannotSignIsRefused(text: String, expected: KeyFault) {
        #expect(fault { () throws(KeyFault) in _ = try SigningKey(standardWebhooks: secret(text)) } == expected)
        let body = expected.description
        #expect(!body.contains(text.dropFirst(6)) || text.count < 8)
        do throws(SigningError) {
            _ = try Signer(scheme: .standardWebhooks, secrets: [secret(text), secret(Self.whole), secret(text)])
            Issue.record("a signer was made with \(text)")
        } catch { #expect(error == .badKeys([.init(0, expected), .init(2, expected)])) }
    }

    @Test(arguments: [
        ("whpk_*", KeyFault.notBase64(.ed25519Public)), ("whpk_AAAA", .wrongPublicLength(count: 3)),
        ("whsk_AAAA", .wrongLength(count: 3)), ("short", .tooShort(count: 5)),
    ])
    func aKeyThatCannotVerifyIsRefused(text: String, expected: KeyFault) {
        #expect(fault { () throws(KeyFault) in _ = try VerifyingKey(standardWebhooks: secret(text)) } == expected)
    }

    @Test(
        arguments: [SigningScheme.gruveo, .github, .slack, .hmac(header: "X", prefix: "", encoding: .hex)],
        [whole, publicKey])
    func schemesOfHMACRefuseKeysOfEd25519(scheme: SigningScheme, key: String) {
        do throws(SigningError) {
            _ = try Signer(scheme: scheme, secrets: [secret(key)])
            Issue.record("a signer was made")
        } catch { #expect(error == .badKeys([.init(0, .onlyStandardWebhooks)])) }
    }
}

extension String {
    /// The same bytes under the other version.
    fileprivate func replacingVersion() -> String {
        hasPrefix("v1a,") ? "v1," + dropFirst(4) : "v1a," + dropFirst(3)
    }
}
