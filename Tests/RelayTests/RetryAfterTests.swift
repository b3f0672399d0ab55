import Relay
import Testing

@Suite struct RetryAfterTests {
    /// 1994-11-06T08:48:37Z, one minute before RFC 9110's example date.
    private static let now = Timestamp(milliseconds: 784_111_717_000)

    @Test(arguments: [
        ("120", Int64(120_000)), (" 5 ", 5000), ("007", 7000), ("86400", 86_400_000), ("86401", 86_400_000),
        ("99999999999999999999999999", 86_400_000), ("0.35", 1000), ("1.5", 2000),
        ("Sun, 06 Nov 1994 08:49:37 GMT", 60_000),
        ("Sunday, 06-Nov-94 08:49:37 GMT", 60_000),
        ("Sun Nov  6 08:49:37 1994", 60_000),
        ("Tue, 29 Feb 2028 00:00:00 GMT", 86_400_000),
    ])
    func secondsAndDatesAreUnderstood(value: String, expected: Int64) {
        #expect(RetryAfter.milliseconds(value, now: Self.now) == expected)
    }

    @Test(arguments: [
        "", " ", "0", "-5", "+5", "soon", "5s", "5 6", "1,5", "１２", "\u{0661}",
        "Sun, 06 Nov 1994 08:48:37 GMT", "Sun, 06 Nov 1994 08:47:37 GMT",
        "06 Nov 1994 08:49:37 GMT", "1994-11-06T08:49:37Z", "Sun, 06 Nov 1994 08:49:37 +0200",
        "Sun, 06 Nov 1994 08:49:37 EST", "Sun, 00 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 24:00:00 GMT",
        "Sun, 06 Növ 1994 08:49:37 GMT", "Sun, 06 Nov 99999999999999999999 08:49:37 GMT",
    ])
    func anythingElseIsNoWish(value: String) {
        #expect(RetryAfter.milliseconds(value, now: Self.now) == nil)
    }

    @Test func randomTextNeverCrashesAndStaysInBounds() {
        var random = SeededGenerator(seed: 7)
        let parts = ["Sun", "Nov", "06", "1994", "94", "08:49:37", "GMT", ", ", " ", "-", ".", "9", "0", "é", "\r\n"]
        for _ in 0..<20_000 {
            let text = (0..<Int.random(in: 0...9, using: &random))
                .map { _ in parts[Int.random(in: 0..<parts.count, using: &random)] }.joined()
            let wait = RetryAfter.milliseconds(text, now: Self.now) ?? 1
            #expect((1...RetryAfter.capMilliseconds).contains(wait), "\(text)")
        }
    }
}

/// SplitMix64 (S. Vigna): a failing seed can be run again.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
