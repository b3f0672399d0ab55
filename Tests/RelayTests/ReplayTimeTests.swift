import Relay
import Testing

struct ReplayTimeTests {
    /// 2026-11-27T14:00:00Z.
    private static let now = Timestamp(milliseconds: 1_795_788_000_000)

    private func message(_ text: String) -> String {
        do throws(ReplayTime.Fault) { return "\(try ReplayTime.parse(text, now: ReplayTimeTests.now))" } catch {
            return error.message
        }
    }

    @Test(arguments: [
        ("2h", "2026-11-27T12:00:00.000Z"),
        ("0s", "2026-11-27T14:00:00.000Z"),
        ("3d", "2026-11-24T14:00:00.000Z"),
        ("2026-11-27T14:00:00Z", "2026-11-27T14:00:00.000Z"),
        ("2026-11-27T13:30Z", "2026-11-27T13:30:00.000Z"),
        ("2026-11-27T13:30:01.25Z", "2026-11-27T13:30:01.250Z"),
        ("2026-11-27T14:30+01:00", "2026-11-27T13:30:00.000Z"),
        ("2026-11-27T08:00:00-0530", "2026-11-27T13:30:00.000Z"),
        // In a zone with its offset there is no gap and no hour that comes twice.
        ("2026-03-29T02:30:00+01:00", "2026-03-29T01:30:00.000Z"),
    ])
    func aTimeIsHowLongAgoOrHasItsZone(_ text: String, _ time: String) {
        #expect(message(text) == time)
    }

    @Test(arguments: [
        ("yesterday", "is no time: write how long ago"), ("", "is no time"), ("-", "is no time"),
        ("-2h", "is negative"), ("2", "has no unit"), ("2w", "unknown unit"), ("1h1h", "more than one number"),
        ("99999999999999999999d", "is too long"), ("2026-11-27T14:00:01Z", "is in the future: it is 2026-11-27T14"),
        ("2026-11-27", "no time with its zone"), ("2026-11-27 14:00:00Z", "no time with its zone"),
        ("2026-11-27T13:00:00", "has no zone"), ("2026-11-27T13:00:00+1", "has no zone"),
        ("2026-11-27T13:00:00+25:00", "has no zone"), ("2026-11-27T13:00:00ZZ", "has no zone"),
        ("2026-02-30T13:00:00Z", "no date and time that there is"), ("2026-11-27T25:00Z", "no date and time"),
        ("2026-11-27T1Z:00:00Z", "no date and time"), ("0000-00-00T00:00:00Z", "no date and time"),
    ])
    func anythingElseIsRefusedWithTheFix(_ text: String, _ words: String) {
        #expect(message(text).contains(words), "\(message(text))")
    }
}
