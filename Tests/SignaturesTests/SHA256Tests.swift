import Signatures
import Testing

@Suite struct SHA256Tests {
    /// FIPS 180-4's examples (csrc.nist.gov, "SHA_All"), and `sha256sum` of a million times "a".
    @Test(arguments: [
        ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (
            "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
        ),
        (
            String(repeating: "a", count: 1_000_000),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"
        ),
    ])
    func digestsPublishedVectors(message: String, digest: String) {
        #expect(Hex.encode(SHA256.digest(of: Array(message.utf8))) == digest)
    }

    @Test func partsCountAsOneMessage() {
        let whole = SHA256.digest(of: Array("gruveo\0{}".utf8))
        #expect(SHA256.digest(of: Array("gruveo".utf8), [0], Array("{}".utf8)) == whole)
        #expect(SHA256.digest(of: [], Array("gruveo\0{}".utf8), []) == whole)
        #expect(SHA256.digest(of: Array("gruveo".utf8), Array("{}".utf8)) != whole)
    }
}
