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
        return .string(instant.description)
    }

    private static func date(_ offset: @escaping ZoneOffset) -> HostFunction {
        HostFunction("date") { budget, arguments throws(TemplateError) in
            guard arguments.count == 3, let instant = instant(arguments[0]), case .string(let pattern) = arguments[1],
                case .string(let zone) = arguments[2]
            else { throw .badArguments("date", "expected a time in milliseconds, a pattern and a time zone") }
            // A letter of a pattern gives four characters at most.
            try budget.makeText(bytes: 4 * pattern.utf8.count)
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
    private static let days = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
    private static let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]

    static func text(of instant: Instant, _ pattern: String) throws(TemplateError) -> String {
        let parts = instant.parts
        var rest = pattern.unicodeScalars[...]
        var text = ""
        while let first = rest.first {
            if first == "'" {
                text.unicodeScalars += try quoted(&rest)
            } else if isLetter(first) {
                let field = rest.prefix { $0 == first }
                rest = rest[field.endIndex...]
                text += try value(of: String(field), parts)
            } else {
                text.unicodeScalars.append(rest.removeFirst())
            }
        }
        return text
    }

    private static func isLetter(_ scalar: Unicode.Scalar) -> Bool {
        ("a"..."z").contains(scalar) || ("A"..."Z").contains(scalar)
    }

    /// Text between apostrophes; two of them in it, or by themselves, are one.
    private static func quoted(
        _ rest: inout Substring.UnicodeScalarView
    ) throws(TemplateError) -> String.UnicodeScalarView {
        var text = String.UnicodeScalarView()
        repeat {
            if !text.isEmpty { text.append("'") }
            rest.removeFirst()
            let piece = rest.prefix { $0 != "'" }
            guard piece.endIndex < rest.endIndex else {
                throw .badArguments("date", "the pattern has an apostrophe that nothing closes")
            }
            text += piece
            rest = rest[piece.endIndex...].dropFirst()
        } while rest.first == "'" && !text.isEmpty
        if text.isEmpty { text.append("'") }
        return text
    }

    private static func value(of field: String, _ parts: Instant.Parts) throws(TemplateError) -> String {
        switch field {
        case "yyyy": return Instant.padded(parts.year, 4)
        case "MMM": return months[Int(parts.month) - 1]
        case "MM": return Instant.padded(parts.month, 2)
        case "dd": return Instant.padded(parts.day, 2)
        case "EEE": return days[parts.weekday]
        case "HH": return Instant.padded(parts.hour, 2)
        case "mm": return Instant.padded(parts.minute, 2)
        case "ss": return Instant.padded(parts.second, 2)
        default:
            throw .badArguments(
                "date", "unknown '\(field)' in the pattern: it knows yyyy MM MMM dd EEE HH mm ss and text in '…'")
        }
    }
}
