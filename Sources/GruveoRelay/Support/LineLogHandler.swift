import Glibc
import JSON
import Logging
import Relay

/// Writes one line a record to standard error: `<priority>` first under systemd (sd-daemon(3)), else the time.
struct LineLogHandler: LogHandler {
    var metadata: Logger.Metadata = [:]
    var logLevel: Logger.Level
    private let isUnderSystemd = environment("JOURNAL_STREAM") != nil

    init(level: Logger.Level) { logLevel = level }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let fields = metadata.merging(event.metadata ?? [:]) { $1 }.sorted { $0.key < $1.key }
            .map { " \($0.key)=\(quoted("\($0.value)"))" }.joined()
        let start = isUnderSystemd ? "<\(priority(event.level))>" : "\(wallClock()) \(event.level) "
        LogWriter.shared.write(start + printable("\(event.message)\(fields)"))
    }

    private func quoted(_ value: String) -> String {
        value.utf8.contains { $0 <= 0x20 || $0 == 0x22 } ? JSONSerializer.quoted(value) : value
    }

    /// syslog(3)'s numbers.
    private func priority(_ level: Logger.Level) -> Int {
        switch level {
        case .trace, .debug: 7
        case .info: 6
        case .notice: 5
        case .warning: 4
        case .error: 3
        case .critical: 2
        }
    }
}
