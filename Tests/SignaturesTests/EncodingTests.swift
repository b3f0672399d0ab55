import Signatures
import Testing

@Suite struct EncodingTests {
    /// RFC 4648, section 10.
    @Test(arguments: [
        ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE="),
        ("foobar", "Zm9vYmFy"),
    ])
    func base64KeepsThePublishedVectors(text: String, base64: String) {
        #expect(Base64.encode(Array(text.utf8)) == base64)
        #expect(decodeBase64(base64) == Array(text.utf8))
        let unpadded = base64.prefix { $0 != "=" }
        #expect(decodeBase64(String(unpadded)) == Array(text.utf8))
    }

    @Test func everyByteSurvivesBothEncodings() {
        for count in 0...300 {
            let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 167 &+ count) }
            #expect(decodeBase64(Base64.encode(bytes)) == bytes)
            #expect(Hex.decode(Array(Hex.encode(bytes).utf8)[...]) == bytes)
        }
    }

    @Test func base64ReadsBothAlphabets() {
        #expect(Base64.encode([0xFB, 0xEF, 0xFF]) == "++//")
        #expect(decodeBase64("++//") == [0xFB, 0xEF, 0xFF])
        #expect(decodeBase64("--__") == [0xFB, 0xEF, 0xFF])
    }

    @Test func base64IgnoresBitsThatBelongToNoByte() {
        #expect(decodeBase64("Zh==") == decodeBase64("Zg=="))
    }

    @Test(arguments: [
        "Z", "Zg=", "Zg===", "Zg====", "=", "==", "====", "Zm9vZ", "Zm9v=", "Zm9v==", "Zm9v====", "Zm8==", "Z===",
        "Zm=v", "Zg==Zg==", " Zg==", "Zg== ", "Zm\n9v", "Zm9v\n", "Zm9*", "Zm9\u{e9}", "Zm9\0", "+-_/", "Zm9+-A==",
    ])
    func base64RefusesEverythingElse(text: String) {
        #expect(decodeBase64(text) == nil)
    }

    @Test func hexWritesLowerCaseAndReadsEither() {
        #expect(Hex.encode([0x00, 0x9F, 0xAB, 0xFF]) == "009fabff")
        #expect(Hex.decode(Array("009fABfF".utf8)[...]) == [0x00, 0x9F, 0xAB, 0xFF])
        #expect(Hex.decode(Array("evt_00ff".utf8)[4...]) == [0x00, 0xFF])
        #expect(Hex.decode([]) == [])
    }

    @Test(arguments: ["0", "000", "0g", "g0", "0x", " 0", "0 ", "0\n", "\u{ff10}0", "/0", ":0", "@0", "`0", "G0"])
    func hexRefusesEverythingElse(text: String) {
        #expect(Hex.decode(Array(text.utf8)[...]) == nil)
    }

    private func decodeBase64(_ text: String) -> [UInt8]? {
        Base64.decode(Array(text.utf8)[...])
    }
}
