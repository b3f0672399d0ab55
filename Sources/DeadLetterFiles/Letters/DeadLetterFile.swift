package import Relay

/// Where a dead letter lies: `dead-letters/<destination>/<received>-<event id>.json`.
package struct DeadLetterFile: Sendable, Hashable {
    package let destination: String
    package let id: EventID
    package let name: FileName

    init(event: Event, destination: String) {
        self.destination = destination
        id = event.id
        name = FileName("\(event.receivedAt.compact)-\(event.id).json")
    }

    /// Recognizes a name that the relay gave; nil for any other.
    init?(name: FileName, destination: String) {
        let text = String(decoding: name.bytes, as: UTF8.self)
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 2, parts[1].utf8.count == 41, parts[1].hasSuffix(".json") else { return nil }
        guard let id = EventID(String(parts[1].dropLast(5))), DeadLetterFile.isCompactTime(parts[0]) else { return nil }
        self.destination = destination
        self.id = id
        self.name = name
    }

    /// Relative to the state directory.
    package var path: String { "dead-letters/\(destination)/\(name.display)" }

    /// Its name in redrive/, which is flat: there the destination keeps the letters of one event apart.
    var redriveName: FileName {
        FileName(bytes: name.bytes.dropLast(".json".utf8.count) + Array(".\(destination).json".utf8))
    }

    /// `20261122T080501042Z`; the year may have more than four digits.
    private static func isCompactTime(_ text: Substring) -> Bool {
        let bytes = Array(text.utf8)
        guard bytes.count >= 19, bytes[bytes.count - 11] == UInt8(ascii: "T"), bytes.last == UInt8(ascii: "Z") else {
            return false
        }
        return bytes.allSatisfy { (0x30...0x39).contains($0) || $0 == UInt8(ascii: "T") || $0 == UInt8(ascii: "Z") }
    }
}

/// Whether a text may name a source or a destination: `[a-z0-9][a-z0-9._-]{0,62}`. No such text leaves a directory.
func isRelayName(_ text: String) -> Bool {
    let bytes = Array(text.utf8)
    guard (1...63).contains(bytes.count), let first = bytes.first else { return false }
    func isAlphanumeric(_ byte: UInt8) -> Bool { (0x61...0x7A).contains(byte) || (0x30...0x39).contains(byte) }
    return isAlphanumeric(first) && bytes.allSatisfy { isAlphanumeric($0) || "._-".utf8.contains($0) }
}
