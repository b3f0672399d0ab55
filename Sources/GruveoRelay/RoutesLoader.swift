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
    /// What hands the relay its credentials, where this process is not the relay.
    var serviceUnit: ServiceUnit?

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
        let files = SecretFiles(routesDirectory: directory, serviceUnit: serviceUnit)
        let (configuration, findings) = RoutesFile.load(
            bytes, directory: directory, unreadable: unreadableSecret,
            functions: RoutesLoader.functions, presets: ShippedPresets.library(directory: directory),
            rendersSamples: rendersSamples,
            inspect: { files.remark(path: $0, isSecret: $1, unreadable: unreadableSecret) }, secret: files.read)
        return Loaded(bytes: bytes, configuration: configuration, findings: findings, path: path)
    }
}

/// Reads secrets from where the routes file says: the environment, a file, or a systemd credential.
struct SecretFiles: Sendable {
    /// The largest secret, a certificate chain included, in bytes.
    private static let limit = 65_536

    /// What systemd fills when it starts a service, and empties when that stops.
    private static let handedOver = "/run/credentials/"

    let routesDirectory: String
    var serviceUnit: ServiceUnit?

    func read(_ reference: SecretReference) -> Result<SecretContent, SecretFault> {
        switch reference {
        case .environment(let name):
            guard let value = environment(name) else { return .failure(SecretFault(reason: "it is not set")) }
            return .success(SecretContent(Array(value.utf8)))
        case .file(let path): return readFile(absolute(path))
        case .credential(let name): return readCredential(name)
        }
    }

    private func readCredential(_ name: String) -> Result<SecretContent, SecretFault> {
        if let directory = environment("CREDENTIALS_DIRECTORY") {
            return readFirst(ServiceUnit.credentialNames(name).map { "\(directory)/\($0)" })
        }
        guard let serviceUnit else { return readFile("\(routesDirectory)/credentials/\(name)") }
        let result = readFirst(serviceUnit.credentialFiles(name))
        guard case .failure(let fault) = result, serviceUnit.hasHiddenCredentials else { return result }
        return .failure(SecretFault(reason: "\(fault.reason), but the unit has others that cannot be looked at"))
    }

    /// What the first of the files holds that can be read, or why the first cannot.
    private func readFirst(_ paths: [String]) -> Result<SecretContent, SecretFault> {
        let results = paths.lazy.map(readFile)
        let found = results.first { if case .success = $0 { true } else { false } }
        return found ?? results.first
            ?? .failure(SecretFault(reason: "\(ServiceUnit.name) loads none of this name", isMissingFile: true))
    }

    private func absolute(_ path: String) -> String { path.hasPrefix("/") ? path : "\(routesDirectory)/\(path)" }

    /// What there is to say about a file that libcurl reads when it connects.
    /// - Parameter unreadable: how it is taken that this user may not read it; never as an error, since the others of
    ///   the relay's destinations do without.
    func remark(path: String, isSecret: Bool, unreadable: Finding.Severity) -> FileRemark? {
        let path = absolute(path)
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else {
            let fault = FileFault(path: path, code: errno)
            let isUnknown = fault.exitCode == ExitStatus.noPermission || path.hasPrefix(SecretFiles.handedOver)
            if isUnknown, unreadable == .note { return FileRemark(.note, "cannot be read: \(fault)") }
            return FileRemark(
                .warning, "cannot be read: \(fault); nothing is delivered until it can", isMissingFile: !isUnknown)
        }
        close(descriptor)
        guard isSecret, let warning = SecretFiles.warning(path) else { return nil }
        return FileRemark(.warning, warning)
    }

    private func readFile(_ path: String) -> Result<SecretContent, SecretFault> {
        do throws(FileFault) {
            let bytes = try Files.read(path, limit: SecretFiles.limit)
            return .success(SecretContent(bytes, warning: SecretFiles.warning(path)))
        } catch {
            let isMissing = error.code == ENOENT && !path.hasPrefix(SecretFiles.handedOver)
            return .failure(SecretFault(reason: "\(error)", isMissingFile: isMissing))
        }
    }

    private static func warning(_ path: String) -> String? {
        var status = stat()
        guard stat(path, &status) == 0, status.st_mode & 0o044 != 0 else { return nil }
        return "\(path) can be read by other users: chmod 600 it"
    }
}
