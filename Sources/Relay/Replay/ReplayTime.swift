import JSONTemplates

/// A point in time as a person types it: how long ago (`2h`), or a date and time with its zone.
package enum ReplayTime {
    package struct Fault: Error, Sendable {
        /// What is wrong, and what to write instead.
        package let message: String
    }

    private static let forms = "such as \"2h\" or \"3d\", or a time with its zone such as \"2026-11-27T14:00:00Z\""

    /// Reads one; a point after `now` is refused.
    package static func parse(_ text: String, now: Timestamp) throws(Fault) -> Timestamp {
        let isTime = text.utf8.prefix(5).count == 5 && text.utf8.prefix(5).last == UInt8(ascii: "-")
        let time = isTime ? try instant(text) : now.advanced(byMilliseconds: -(try ago(text)))
        guard time <= now else {
            throw Fault(message: "\(Words.quoted(text)) is in the future: it is \(now) now")
        }
        return time
    }

    private static func ago(_ text: String) throws(Fault) -> Int64 {
        let first = text.unicodeScalars.first { $0 != "-" }
        guard let first, "0"..."9" ~= first else {
            throw Fault(message: "\(Words.quoted(text)) is no time: write how long ago, \(forms)")
        }
        do throws(DurationText.Fault) { return try DurationText.parse(text) } catch {
            throw Fault(message: error.message)
        }
    }

    /// `YYYY-MM-DDTHH:MM`, with seconds and their fraction or without, then `Z` or an offset.
    private static func instant(_ text: String) throws(Fault) -> Timestamp {
        let shown = Words.quoted(text)
        let text = Array(text.utf8)
        guard text.count > 16, text[10] == UInt8(ascii: "T") else {
            throw Fault(message: "\(shown) is no time with its zone: write it as \"2026-11-27T14:00:00Z\"")
        }
        guard let start = text[16...].firstIndex(where: { zoneStarts.contains($0) }),
            let offset = offsetMilliseconds(text[start...])
        else {
            throw Fault(message: "\(shown) has no zone: end it with Z for UTC, or with an offset such as +01:00")
        }
        let clock = String(decoding: text[..<start], as: UTF8.self) + (start == 16 ? ":00" : "")
        guard let instant = Instant(clock + "Z") else {
            throw Fault(message: "\(shown) is no date and time that there is: write it as \"2026-11-27T14:00:00Z\"")
        }
        return Timestamp(milliseconds: instant.milliseconds).advanced(byMilliseconds: -offset)
    }

    private static let zoneStarts = [UInt8(ascii: "Z"), UInt8(ascii: "+"), UInt8(ascii: "-")]

    /// Of `Z`, `+01:00` or `+0100`; nil for anything else.
    private static func offsetMilliseconds(_ zone: ArraySlice<UInt8>) -> Int64? {
        guard let sign = zone.first else { return nil }
        if sign == UInt8(ascii: "Z") { return zone.count == 1 ? 0 : nil }
        let digits = Array(zone.dropFirst())
        let isPlain = digits.count == 4
        guard isPlain || digits.count == 5 && digits[2] == UInt8(ascii: ":") else { return nil }
        let numbers = isPlain ? digits : Array(digits[..<2] + digits[3...])
        guard numbers.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) else { return nil }
        let values = numbers.map { Int64($0 - UInt8(ascii: "0")) }
        let (hours, minutes) = (values[0] * 10 + values[1], values[2] * 10 + values[3])
        guard hours < 24, minutes < 60 else { return nil }
        return (sign == UInt8(ascii: "-") ? -1 : 1) * (hours * 60 + minutes) * 60_000
    }
}
