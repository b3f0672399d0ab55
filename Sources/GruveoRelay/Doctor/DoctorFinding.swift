import ArgumentParser
import Glibc
import JSON

/// What one check of `doctor` has found.
struct DoctorFinding: Sendable {
    enum Level: String, Sendable {
        case ok, note, warning, error
    }

    let level: Level
    /// What was looked at: `state`, `store`, `destination call-log`.
    let subject: String
    /// What was found, then what to do.
    let text: String
    /// The exit code that an error gives the command, from sysexits.h.
    var code: Int32 = 0

    static func ok(_ subject: String, _ text: String) -> DoctorFinding {
        DoctorFinding(level: .ok, subject: subject, text: text)
    }

    static func note(_ subject: String, _ text: String) -> DoctorFinding {
        DoctorFinding(level: .note, subject: subject, text: text)
    }

    static func warning(_ subject: String, _ text: String) -> DoctorFinding {
        DoctorFinding(level: .warning, subject: subject, text: text)
    }

    static func error(_ subject: String, _ text: String, _ code: Int32) -> DoctorFinding {
        DoctorFinding(level: .error, subject: subject, text: text, code: code)
    }

    var line: String {
        let word = level.rawValue
        return printable("\(word)\(String(repeating: " ", count: 8 - word.utf8.count))\(subject): \(text)")
    }

    var object: JSONObject {
        JSONObject([
            "level": .string(level.rawValue), "subject": .string(subject), "text": .string(text),
            "code": .number(JSONNumber(Int(code))),
        ])
    }
}
