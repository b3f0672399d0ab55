import JSONTemplates
import Synchronization

/// The system's time zones (Debian's package tzdata), read when a template first names one and then kept.
final class TimeZoneFiles: Sendable {
    static let shared = TimeZoneFiles(folder: "/usr/share/zoneinfo")

    /// Larger than any zone's file, in bytes.
    private static let limit = 262_144

    private let folder: String
    private let known = Mutex<[String: TimeZoneRules]>([:])

    init(folder: String) { self.folder = folder }

    /// Seconds east of UTC at a time in milliseconds; nil where there is no such zone.
    @Sendable func offset(zone: String, milliseconds: Int64) -> Int? {
        if zone == "UTC" { return 0 }
        let seconds = milliseconds / 1000 - (milliseconds % 1000 < 0 ? 1 : 0)
        return rules(zone)?.offset(at: seconds)
    }

    private func rules(_ zone: String) -> TimeZoneRules? {
        if let rules = known.withLock({ $0[zone] }) { return rules }
        // A zone may come out of an event: what is no name of the database must not become a path.
        guard TimeZoneFiles.isName(zone), let bytes = try? Files.read("\(folder)/\(zone)", limit: TimeZoneFiles.limit),
            let rules = TimeZoneRules(file: bytes)
        else { return nil }
        known.withLock { $0[zone] = rules }
        return rules
    }

    /// `Area/Location`: letters, digits, `_`, `+` and `-` between slashes.
    private static func isName(_ zone: String) -> Bool {
        zone.utf8.count <= 64
            && zone.split(separator: "/", omittingEmptySubsequences: false).allSatisfy { part in
                !part.isEmpty
                    && part.utf8.allSatisfy { byte in
                        switch byte {
                        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                            UInt8(ascii: "0")...UInt8(ascii: "9"):
                            true
                        default: "_+-".utf8.contains(byte)
                        }
                    }
            }
    }
}
