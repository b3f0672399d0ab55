/// Seconds east of UTC in a zone such as `Europe/Athens` at a time in milliseconds; nil where there is no such zone.
package typealias ZoneOffset = @Sendable (_ zone: String, _ milliseconds: Int64) -> Int?

extension HostFunctions {
    /// The functions which need a calendar: `iso8601(ms)` and `date(ms, pattern, zone)`.
    package static func calendar(_ offset: @escaping ZoneOffset) -> HostFunctions {
        HostFunctions([iso8601, date(offset)])
    }

    private static let iso8601 = HostFunction("iso8601") { budget, arguments throws(TemplateError) in
        guard arguments.count == 1, let instant = instant(arguments[0]) else {
            throw .badArguments("iso8601", "expected a time in milliseconds")
        }
        try budget.spend(Instant.steps)
        return .string(instant.description)
    }

    private static func date(_ offset: @escaping ZoneOffset) -> HostFunction {
        HostFunction("date") { budget, arguments throws(TemplateError) in
            guard arguments.count == 3, let instant = instant(arguments[0]), case .string(let pattern) = arguments[1],
                case .string(let zone) = arguments[2]
            else { throw .badArguments("date", "expected a time in milliseconds, a pattern and a time zone") }
            // A letter of a pattern gives four characters at most.
            try budget.makeText(bytes: 4 * pattern.utf8.count)
            try budget.spend(Instant.steps)
            try budget.spend(lookedUpBytes: pattern.utf8.count)
            guard let seconds = offset(zone, instant.milliseconds),
                let local = instant.advanced(byMilliseconds: Int64(seconds) * 1000)
            else { throw .badArguments("date", "there is no time zone '\(zone)': write one like Europe/Athens") }
            return .string(try DatePattern.text(of: local, pattern))
        }
    }

    private static func instant(_ value: TemplateValue) -> Instant? {
        if case .number(let number) = value { Instant(number) } else { nil }
    }
}

/// Writes a date by a pattern of `yyyy MM dd HH mm ss EEE MMM` and text between apostrophes.
private enum DatePattern {
    private static let apostrophe = UInt8(ascii: "'")
    private static let days = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
    private static let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]

    static func text(of instant: Instant, _ pattern: String) throws(TemplateError) -> String {
        let parts = instant.parts
        var rest = Array(pattern.utf8)[...]
        var text: [UInt8] = []
        text.reserveCapacity(2 * pattern.utf8.count)
        while let first = rest.first {
            if first == apostrophe {
                text += try quoted(&rest)
            } else if isLetter(first) {
                let field = rest.prefix { $0 == first }
                rest = rest[field.endIndex...]
                try write(field, first, parts, to: &text)
            } else {
                text.append(rest.removeFirst())
            }
        }
        return String(decoding: text, as: UTF8.self)
    }

    private static func isLetter(_ byte: UInt8) -> Bool { (byte | 0x20) &- UInt8(ascii: "a") < 26 }

    /// Text between apostrophes; two of them in it, or by themselves, are one.
    private static func quoted(_ rest: inout ArraySlice<UInt8>) throws(TemplateError) -> [UInt8] {
        var text: [UInt8] = []
        repeat {
            if !text.isEmpty { text.append(apostrophe) }
            rest.removeFirst()
            let piece = rest.prefix { $0 != apostrophe }
            guard piece.endIndex < rest.endIndex else {
                throw .badArguments("date", "the pattern has an apostrophe that nothing closes")
            }
            text += piece
            rest = rest[piece.endIndex...].dropFirst()
        } while rest.first == apostrophe && !text.isEmpty
        if text.isEmpty { text.append(apostrophe) }
        return text
    }

    private static func write(
        _ field: ArraySlice<UInt8>, _ letter: UInt8, _ parts: Instant.Parts, to text: inout [UInt8]
    ) throws(TemplateError) {
        switch (UnicodeScalar(letter), field.count) {
        case ("y", 4):
            write(parts.year / 100, to: &text)
            write(parts.year % 100, to: &text)
        case ("M", 3): text += months[Int(parts.month) - 1].utf8
        case ("M", 2): write(parts.month, to: &text)
        case ("d", 2): write(parts.day, to: &text)
        case ("E", 3): text += days[parts.weekday].utf8
        case ("H", 2): write(parts.hour, to: &text)
        case ("m", 2): write(parts.minute, to: &text)
        case ("s", 2): write(parts.second, to: &text)
        default:
            let field = String(decoding: field, as: UTF8.self)
            throw .badArguments(
                "date", "unknown '\(field)' in the pattern: it knows yyyy MM MMM dd EEE HH mm ss and text in '…'")
        }
    }

    /// Writes a number below 100 with two digits.
    private static func write(_ number: Int64, to text: inout [UInt8]) {
        text.append(UInt8(ascii: "0") + UInt8(number / 10))
        text.append(UInt8(ascii: "0") + UInt8(number % 10))
    }
}
