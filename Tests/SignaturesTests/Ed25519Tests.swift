import Signatures
import Testing

@Suite struct Ed25519Tests {
    struct Vector: Sendable, CustomTestStringConvertible {
        let name: String
        let seed: String
        let publicKey: String
        let message: String
        let signature: String

        var testDescription: String { name }
    }

    /// RFC 8032, section 7.1, without the test of 1023 bytes.
    static let vectors = [
        Vector(
            name: "TEST 1", seed: "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
            publicKey: "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", message: "",
            signature:
                "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46b"
                + "d25bf5f0595bbe24655141438e7a100b"),
        Vector(
            name: "TEST 2", seed: "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
            publicKey: "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", message: "72",
            signature:
                "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c"
                + "387b2eaeb4302aeeb00d291612bb0c00"),
        Vector(
            name: "TEST 3", seed: "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
            publicKey: "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", message: "af82",
            signature:
                "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc659"
                + "4a7c15e9716ed28dc027beceea1ec40a"),
        Vector(
            name: "TEST SHA(abc)", seed: "833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
            publicKey: "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
            message: "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd"
                + "454d4423643ce80e2a9ac94fa54ca49f",
            signature:
                "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7c66431e030"
                + "3dca179c138ac17ad9bef1177331a704"),
    ]

    private func bytes(_ hex: String) throws -> [UInt8] { try #require(Hex.decode(Array(hex.utf8)[...])) }

    private func key(_ vector: Vector) throws -> Ed25519PrivateKey {
        try #require(Ed25519PrivateKey(Secret(bytes(vector.seed))))
    }

    @Test(arguments: vectors) func signsThePublishedVectors(vector: Vector) throws {
        let key = try key(vector)
        #expect(Hex.encode(key.publicKey.bytes) == vector.publicKey)
        for _ in 0..<2 { #expect(Hex.encode(key.sign(try bytes(vector.message))) == vector.signature) }
    }

    @Test(arguments: vectors) func verifiesThePublishedVectorsAndNothingNextToThem(vector: Vector) throws {
        let key = try #require(Ed25519PublicKey(bytes(vector.publicKey)))
        let (message, signature) = (try bytes(vector.message), try bytes(vector.signature))
        #expect(key.verifies(signature, of: message))
        #expect(!key.verifies(signature, of: message + [0]))
        #expect(!key.verifies(signature.dropLast(), of: message))
        #expect(!key.verifies(signature + [0], of: message))
        #expect(!key.verifies([], of: message))
        for index in signature.indices {
            var changed = signature
            changed[index] ^= 1
            #expect(!key.verifies(changed, of: message))
        }
        for other in Self.vectors where other.name != vector.name {
            #expect(!(try self.key(other)).publicKey.verifies(signature, of: message))
        }
    }

    @Test(arguments: [0, 31, 33, 64]) func keysOfAnotherLengthAreNone(count: Int) {
        #expect(Ed25519PrivateKey(Secret([UInt8](repeating: 1, count: count))) == nil)
        #expect(Ed25519PublicKey([UInt8](repeating: 1, count: count)) == nil)
    }

    @Test func bytesThatNoKeyHasVerifyNothing() throws {
        let vector = Self.vectors[0]
        let key = try #require(Ed25519PublicKey([UInt8](repeating: 255, count: 32)))
        #expect(!key.verifies(try bytes(vector.signature), of: try bytes(vector.message)))
    }

    @Test func manyTasksShareAKey() async throws {
        let keys = try Self.vectors.prefix(2).map { try key($0) }
        let bodies = (0..<16).map { [UInt8](repeating: UInt8($0), count: $0 * 37) }
        let expected = keys.map { key in bodies.map { key.sign($0) } }
        let wrong = await withTaskGroup(of: Int.self) { group in
            for task in 0..<8 {
                group.addTask { @concurrent in
                    (0..<100).count { round in
                        let (which, body) = ((task + round) % 2, (task * 7 + round) % bodies.count)
                        return keys[which].sign(bodies[body]) != expected[which][body]
                    }
                }
            }
            return await group.reduce(0, +)
        }
        #expect(wrong == 0)
    }
}
