import Signatures
import Testing

@Suite struct HMACKeyTests {
    struct Vector: Sendable {
        let key: [UInt8]
        let message: [UInt8]
        let code: String

        init(_ key: [UInt8], _ message: [UInt8], _ code: String) {
            self.key = key
            self.message = message
            self.code = code
        }

        init(_ key: [UInt8], _ message: String, _ code: String) {
            self.init(key, Array(message.utf8), code)
        }
    }

    /// RFC 4231, section 4; the fifth truncates there and is whole here, from
    /// `python3 -c 'import hmac;print(hmac.new(b"\x0c"*20,b"Test With Truncation","sha256").hexdigest())'`.
    static let vectors = [
        Vector(
            Array(repeating: 0x0B, count: 20), "Hi There",
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
        Vector(
            Array("Jefe".utf8), "what do ya want for nothing?",
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"),
        Vector(
            Array(repeating: 0xAA, count: 20), Array(repeating: 0xDD, count: 50),
            "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"),
        Vector(
            Array(1...25), Array(repeating: 0xCD, count: 50),
            "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"),
        Vector(
            Array(repeating: 0x0C, count: 20), "Test With Truncation",
            "a3b6167473100ee06e0c796c2955552bfa6f7c0a6a8aef8b93f860aab0cd20c5"),
        Vector(
            Array(repeating: 0xAA, count: 131), "Test Using Larger Than Block-Size Key - Hash Key First",
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"),
        Vector(
            Array(repeating: 0xAA, count: 131),
            """
            This is a test using a larger than block-size key and a larger than block-size data. \
            The key needs to be hashed before being used by the HMAC algorithm.
            """,
            "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"),
        // python3 -c 'import hmac;print(hmac.new(b"",b"","sha256").hexdigest())'
        Vector([], [], "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad"),
    ]

    @Test(arguments: vectors) func authenticatesPublishedVectors(vector: Vector) {
        let key = HMACKey(Secret(vector.key))
        #expect(Hex.encode(key.authenticate(vector.message)) == vector.code)
    }

    @Test(arguments: vectors) func aKeyGivesTheSameCodeEachTime(vector: Vector) {
        let key = HMACKey(Secret(vector.key))
        for _ in 0..<3 {
            _ = key.authenticate(Array("something in between".utf8))
            #expect(Hex.encode(key.authenticate(vector.message)) == vector.code)
        }
    }

    @Test(arguments: vectors) func partsCountAsOneMessage(vector: Vector) {
        let key = HMACKey(Secret(vector.key))
        let cut = vector.message.count / 3
        let parts = (Array(vector.message[..<cut]), Array(vector.message[cut...]))
        #expect(Hex.encode(key.authenticate(parts.0, [], parts.1)) == vector.code)
        #expect(Hex.encode(key.authenticate([], parts.0, parts.1, [])) == vector.code)
    }

    /// Two keys and bodies of many lengths, used from many tasks at once, against the codes computed alone.
    @Test func manyTasksShareAKey() async {
        let keys = [HMACKey(Secret(Array(repeating: 1, count: 32))), HMACKey(Secret(Array(repeating: 2, count: 32)))]
        let bodies = (0..<64).map { [UInt8](repeating: UInt8($0), count: $0 * 37) }
        let expected = keys.map { key in bodies.map { key.authenticate($0) } }
        let digests = bodies.map { SHA256.digest(of: $0) }
        let wrong = await withTaskGroup(of: Int.self) { group in
            for task in 0..<16 {
                group.addTask { @concurrent in
                    var wrong = 0
                    for round in 0..<2_000 {
                        let (which, body) = ((task + round) % 2, (task * 7 + round) % bodies.count)
                        if keys[which].authenticate(bodies[body]) != expected[which][body] { wrong += 1 }
                        if SHA256.digest(of: bodies[body]) != digests[body] { wrong += 1 }
                    }
                    return wrong
                }
            }
            return await group.reduce(0, +)
        }
        #expect(wrong == 0)
    }
}
