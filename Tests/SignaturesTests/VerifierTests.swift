import Signatures
import Testing

@Suite struct VerifierTests {
    private let body = Array("{\"duration\": 183}".utf8)
    private let keys = ["new": 1, "old": 2, "older": 3].mapValues { HMACKey(Secret([UInt8](repeating: $0, count: 32))) }

    private func verifier(_ labels: String...) -> Verifier {
        Verifier(keys: labels.compactMap { label in keys[label].map { (label, $0) } })
    }

    private func signature(_ label: String) -> [UInt8] {
        keys[label]?.authenticate(body) ?? []
    }

    @Test(arguments: [("new", 0), ("old", 1), ("older", 2)])
    func tellsWhichKeyMatched(label: String, index: Int) {
        let verifier = verifier("new", "old", "older")
        #expect(verifier.matchingKey(signature: signature(label), body: body) == index)
        #expect(verifier.keys[index].label == label)
    }

    @Test func twoKeysWithTheSameBytesCountAsTheFirst() {
        #expect(verifier("new", "old", "old").matchingKey(signature: signature("old"), body: body) == 1)
    }

    @Test func aKeyThatIsNotThereDoesNotMatch() {
        #expect(verifier("new", "old").matchingKey(signature: signature("older"), body: body) == nil)
        #expect(verifier().matchingKey(signature: signature("older"), body: body) == nil)
    }

    @Test func anyFlippedBitIsRefused() {
        let verifier = verifier("new", "old")
        for bit in 0..<256 {
            var wrong = signature("old")
            wrong[bit / 8] ^= 1 << UInt8(bit % 8)
            #expect(verifier.matchingKey(signature: wrong, body: body) == nil)
        }
        for place in body.indices {
            var other = body
            other[place] ^= 1
            #expect(verifier.matchingKey(signature: signature("old"), body: other) == nil)
        }
    }

    @Test(arguments: [0, 1, 31, 33, 64]) func anotherLengthIsRefused(count: Int) {
        let wrong = Array((signature("new") + signature("new")).prefix(count))
        #expect(verifier("new").matchingKey(signature: wrong, body: body) == nil)
    }

    @Test func anEmptyBodyHasASignatureToo() {
        let verifier = verifier("new")
        #expect(verifier.matchingKey(signature: keys["new"]?.authenticate([]) ?? [], body: []) == 0)
        #expect(verifier.matchingKey(signature: signature("new"), body: []) == nil)
    }
}
