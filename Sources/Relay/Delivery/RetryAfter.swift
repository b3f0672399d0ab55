/// The Retry-After header (RFC 9110 section 10.2.3): a number of seconds, or an HTTP date in any of its three forms.
package enum RetryAfter {
    /// The longest wait that a destination can ask for, 24 h in milliseconds; more is cut to it.
    package static let capMilliseconds: Int64 = 86_400_000

    /// The wait in milliseconds from `now`, or nil where the value is neither form, or not in the future.
    package static func milliseconds(_ value: String, now: Timestamp) -> Int64? {
        let text = value.utf8.drop { $0 == 0x20 || $0 == 0x09 }
        let wait: Int64
        if let first = text.first, (0x30...0x39).contains(first) {
            let digits = text.prefix { (0x30...0x39).contains($0) }
            guard let seconds = digits.count > 9 ? 999_999_999 : Int64(String(decoding: digits, as: UTF8.self)) else {
                return nil
            }
            guard let isRounded = isFraction(text.dropFirst(digits.count)) else { return nil }
            wait = (isRounded ? seconds + 1 : seconds) * 1000
        } else {
            guard let date = date(value) else { return nil }
            wait = date.milliseconds(since: now)
        }
        return wait > 0 ? min(wait, capMilliseconds) : nil
    }

    /// The wait in milliseconds, by the same rules; nil where the number is not above 0 or not finite.
    package static func milliseconds(seconds: Double) -> Int64? {
        guard seconds > 0, seconds.isFinite else { return nil }
        return Int64(min(seconds.rounded(.up) * 1000, Double(capMilliseconds)))
    }

    /// What follows the whole seconds: true for a fraction, which some services send, false for nothing, nil for
    /// anything else, such as the rest of a date.
    private static func isFraction(_ rest: Substring.UTF8View.SubSequence) -> Bool? {
        let isDotted = rest.first == UInt8(ascii: ".")
        let tail = rest.dropFirst(isDotted ? 1 : 0).drop { isDotted && (0x30...0x39).contains($0) }
        return tail.allSatisfy { $0 == 0x20 || $0 == 0x09 } ? isDotted : nil
    }

    /// IMF-fixdate, RFC 850 and asctime dates differ only in order and separators once cut into words.
    private static func date(_ value: String) -> Timestamp? {
        let words = value.split { !($0.isASCII && ($0.isLetter || $0.isNumber)) }.map(String.init)
        guard words.count >= 7 else { return nil }
        if let month = month(words[1]) {
            return timestamp(year: words[6], month: month, day: words[2], time: words[3..<6])
        }
        guard let month = month(words[2]), words.count == 8, ["GMT", "UTC"].contains(words[7]) else { return nil }
        return timestamp(year: words[3], month: month, day: words[1], time: words[4..<7])
    }

    private static func month(_ word: String) -> Int? {
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
            .firstIndex(of: word).map { $0 + 1 }
    }

    private static func timestamp(year: String, month: Int, day: String, time: ArraySlice<String>) -> Timestamp? {
        let numbers = time.compactMap { Int($0) }
        guard numbers.count == 3, var year = Int(year), let day = Int(day), (1...31).contains(day),
            (0..<24).contains(numbers[0]), (0..<60).contains(numbers[1]), (0...60).contains(numbers[2]),
            (0...9999).contains(year)
        else { return nil }
        // RFC 850 years have two digits; those from 70 on are of the last century.
        if year < 100 { year += year < 70 ? 2000 : 1900 }
        let seconds = numbers[0] * 3600 + numbers[1] * 60 + numbers[2]
        return Timestamp(milliseconds: Int64(days(year: year, month: month, day: day) * 86_400 + seconds) * 1000)
    }

    /// Days since 1970-01-01 (H. Hinnant's days-from-civil).
    private static func days(year: Int, month: Int, day: Int) -> Int {
        let shifted = month <= 2 ? year - 1 : year
        let era = shifted / 400
        let yearOfEra = shifted - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }
}
