package import JSON

/// One thing that `check` has to say about a routes file, and where.
package struct Finding: Sendable, Equatable {
    package enum Severity: String, Sendable {
        /// The file cannot be used.
        case error
        case warning
        /// Probably meant so, but worth knowing.
        case note
    }

    package let severity: Severity
    package let position: SourcePosition
    /// The keys that lead there, such as `destinations.crm.timeout`; empty for the file as a whole.
    package let path: String
    /// What is wrong and how to mend it; never holds a secret or what stands after a URL's host.
    package let message: String
    /// Whether it says that a file which is named there is not on this machine.
    package let isMissingFile: Bool

    package init(
        severity: Severity, position: SourcePosition, path: String, message: String, isMissingFile: Bool = false
    ) {
        self.severity = severity
        self.position = position
        self.path = path
        self.message = message
        self.isMissingFile = isMissingFile
    }

    /// The same as an error.
    package var asError: Finding {
        Finding(severity: .error, position: position, path: path, message: message, isMissingFile: isMissingFile)
    }

    /// One line as compilers write it: `routes.json:14:9: error: destinations.crm: …`, whatever the keys are made of.
    package func line(file: String) -> String {
        let text = Words.oneLine(path.isEmpty ? message : "\(path): \(message)")
        return "\(file):\(position): \(severity.rawValue): \(text)"
    }
}

/// Where a value stands: kept with whatever can turn out wrong only after its secret is known.
struct FilePlace: Sendable, Hashable {
    /// Byte offset in the file.
    let offset: Int
    let path: String
}

/// Collects findings in any order while a file is read.
final class FindingLog {
    private struct Entry {
        let severity: Finding.Severity
        let place: FilePlace
        let message: String
        let isMissingFile: Bool
    }

    private var entries: [Entry] = []
    private(set) var hasErrors = false

    var count: Int { entries.count }

    func add(_ severity: Finding.Severity, at place: FilePlace, _ message: String, isMissingFile: Bool = false) {
        entries.append(Entry(severity: severity, place: place, message: message, isMissingFile: isMissingFile))
        if severity == .error { hasErrors = true }
    }

    /// All findings in the order of the text; those at one place in the order in which they were made.
    func findings(in bytes: [UInt8]) -> [Finding] {
        let sorted = entries.enumerated().sorted {
            ($0.element.place.offset, $0.offset) < ($1.element.place.offset, $1.offset)
        }
        var walk = PositionWalk(bytes: bytes)
        return sorted.map { _, entry in
            Finding(
                severity: entry.severity, position: walk.position(of: entry.place.offset), path: entry.place.path,
                message: entry.message, isMissingFile: entry.isMissingFile)
        }
    }
}

/// Turns rising byte offsets into positions in one pass over the text, however many there are.
struct PositionWalk {
    let bytes: [UInt8]
    private var index = 0
    private var line = 1
    private var column = 1

    init(bytes: [UInt8]) { self.bytes = bytes }

    mutating func position(of offset: Int) -> SourcePosition {
        while index < min(offset, bytes.count) {
            if bytes[index] == UInt8(ascii: "\n") {
                line += 1
                column = 1
            } else if bytes[index] & 0xC0 != 0x80 {
                // A column is one Unicode scalar: its continuation bytes do not count.
                column += 1
            }
            index += 1
        }
        return SourcePosition(line: line, column: column)
    }
}
