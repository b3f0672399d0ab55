import Relay
import Testing

@Suite struct TimestampTests {
    @Test(arguments: [
        (Int64(0), "1970-01-01T00:00:00.000Z", "19700101T000000000Z"),
        (1_598_615_831_871, "2020-08-28T11:57:11.871Z", "20200828T115711871Z"),
        (951_782_400_000, "2000-02-29T00:00:00.000Z", "20000229T000000000Z"),
        (951_868_799_999, "2000-02-29T23:59:59.999Z", "20000229T235959999Z"),
        (951_868_800_000, "2000-03-01T00:00:00.000Z", "20000301T000000000Z"),
        (4_107_542_400_000, "2100-03-01T00:00:00.000Z", "21000301T000000000Z"),
        (2_147_483_648_000, "2038-01-19T03:14:08.000Z", "20380119T031408000Z"),
        (1_735_689_599_042, "2024-12-31T23:59:59.042Z", "20241231T235959042Z"),
        (-1, "1969-12-31T23:59:59.999Z", "19691231T235959999Z"),
    ])
    func pointsAreWrittenInUTC(milliseconds: Int64, text: String, compact: String) {
        let timestamp = Timestamp(milliseconds: milliseconds)
        #expect(timestamp.description == text)
        #expect(timestamp.compact == compact)
    }

    /// The calendar and the HTTP date reader invert one another, over 400 years.
    @Test func datesAreReadBack() throws {
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        for day in stride(from: Int64(1), to: 146_097, by: 5) {
            let timestamp = Timestamp(milliseconds: day * 86_400_000)
            let text = Array(timestamp.compact)
            let month = try #require(Int(String(text[4..<6])))
            let date = "Day, \(String(text[6..<8])) \(months[month - 1]) \(String(text[0..<4])) 00:00:00 GMT"
            let earlier = timestamp.advanced(byMilliseconds: -1000)
            try #require(RetryAfter.milliseconds(date, now: earlier) == 1000, "\(date)")
        }
    }

    @Test func arithmeticSaturates() {
        let last = Timestamp(milliseconds: .max)
        let first = Timestamp(milliseconds: .min)
        #expect(last.advanced(byMilliseconds: 1) == last)
        #expect(first.advanced(byMilliseconds: -1) == first)
        #expect(last.milliseconds(since: first) == .max)
        #expect(first.milliseconds(since: last) == .min)
        #expect(Timestamp.at(5).milliseconds(since: .at(8)) == -3)
    }

    @Test(arguments: [(Int64(0), false), (1, true), (10, true), (11, false), (-1, false), (.max, false)])
    func pointAfterTheLongestWaitIsNotAhead(distance: Int64, expected: Bool) {
        #expect(Timestamp.at(distance).isAhead(of: .at(0), byAtMost: 10) == expected)
    }
}
