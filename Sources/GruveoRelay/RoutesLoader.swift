import Glibc
import JSON
import JSONTemplates
import Relay

/// Reads a routes file and its secrets from disk; the decisions are the decoder's.
struct RoutesLoader: Sendable {
    struct Loaded: Sendable {
        let bytes: [UInt8]
        /// Nil where there are errors.
        let configuration: Configuration?
        let findings: [Finding]
        let path: String

        /// The findings that say something about running: all errors and the first warnings, since a start should not
        /// push thousands of lines into the journal.
        var lines: [String] {
            var warnings = 0
            var lines: [String] = []
            for finding in findings where finding.severity != .note {
                if finding.severity == .warning { warnings += 1 }
                if finding.severity == .error || warnings <= 50 { lines.append(printable(finding.line(file: path))) }
            }
            if warnings > 50 { lines.append("\(path): warnings left out: \(warnings - 50); check shows all") }
            return lines
        }
    }

    /// With the system's time zones.
    private static let functions = HostFunctions.ofDestinations(TimeZoneFiles.shared.offset)

    let path: String
    /// How a secret that cannot be read is taken: an error where the relay is to run, a note where one only looks.
    let unreadableSecret: Finding.Severity
    /// Where relative paths in the file start; the folder it is in, unless this is a copy of it.
    var directory: String
    /// Whether every template is tried with sample events.
    var rendersSamples = false

    init(path: String, unreadableSecret: Finding.Severity) {
        self.path = path
        self.unreadableSecret = unreadableSecret
        directory = Files.directory(of: path)
    }

    /// The copy of the last file that was in force, which is read as if it stood where the original does.
    func lastGood(state: String) -> RoutesLoader {
        var copy = RoutesLoader(path: "\(state)/routes.last-good.json", unreadableSecret: unreadableSecret)
        copy.directory = directory
        return copy
    }

    /// Reads, decodes and resolves.
    ///
    /// - Throws: `FileFault` where the file itself cannot be read.
    func load() throws(FileFault) -> Loaded { load(try Files.read(path)) }

    /// Takes these bytes for the file's.
    func load(_ bytes: [UInt8]) -> Loaded {
        let (configuration, findings) = RoutesFile.load(
            bytes, directory: directory, unreadable: unreadableSecret,
            functions: RoutesLoader.functions, presets: ShippedPresets.library(directory: directory),
            rendersSamples: rendersSamples,
            secret: SecretFiles(routesDirectory: directory).read)
        return Loaded(bytes: bytes, configuration: configuration, findings: findings, path: path)
    }
}

/// Reads secrets from where the routes file says: the environment, a file, or a systemd credential.
struct SecretFiles: Sendable {
    /// The largest secret, a certificate chain included, in bytes.
    private static let limit = 65_536

    let routesDirectory: String

    func read(_ reference: SecretReference) -> Result<SecretContent, SecretFault> {
        switch reference {
        case .environment(let name):
            guard let value = environment(name) else { return .failure(SecretFault(reason: "it is not set")) }
            return .success(SecretContent(Array(value.utf8)))
        case .file(let path): return readFile(path.hasPrefix("/") ? path : "\(routesDirectory)/\(path)")
        case .credential(let name): return readCredential(name)
        }
    }

    private func readCredential(_ name: String) -> Result<SecretContent, SecretFault> {
        guard let directory = environment("CREDENTIALS_DIRECTORY") else {
            return readFile("\(routesDirectory)/credentials/\(name)")
        }
        // The unit loads the directory as `relay`: its files then have names that begin with `relay_`.
        let plain = readFile("\(directory)/\(name)")
        if case .success = plain { return plain }
        let loaded = readFile("\(directory)/relay_\(name)")
        if case .success = loaded { return loaded }
        return plain
    }

    private func readFile(_ path: String) -> Result<SecretContent, SecretFault> {
        do throws(FileFault) {
            let bytes = try Files.read(path, limit: SecretFiles.limit)
            return .success(SecretContent(bytes, warning: SecretFiles.warning(path)))
        } catch {
            return .failure(SecretFault(reason: "\(error)"))
        }
    }

    private static func warning(_ path: String) -> String? {
        var status = stat()
        guard stat(path, &status) == 0, status.st_mode & 0o044 != 0 else { return nil }
        return "\(path) can be read by other users: chmod 600 it"
    }
}
