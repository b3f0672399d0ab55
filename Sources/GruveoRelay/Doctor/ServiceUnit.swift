import Foundation
import Glibc

/// The service unit as it stands on disk, drop-ins included: what `systemctl cat` prints of it.
///
/// `systemctl show` knows no words for LoadCredential=.
struct ServiceUnit: Sendable {
    static let name = "gruveo-relay.service"
    /// Settings with which systemd takes a credential from where nobody else can.
    private static let hidden: Set = [
        "LoadCredentialEncrypted", "SetCredential", "SetCredentialEncrypted", "ImportCredential",
    ]

    private var command: [Substring] = []
    /// Id and path of each LoadCredential=.
    private var loaded: [(id: Substring, path: Substring)] = []
    private(set) var hasHiddenCredentials = false

    init(text: String) {
        for line in text.split(separator: "\n") {
            let parts = line.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2 else { continue }
            take(String(parts[0]), parts[1])
        }
    }

    /// An empty value takes back what came before it.
    private mutating func take(_ setting: String, _ value: Substring) {
        if setting == "ExecStart" { command = value.split(separator: " ") }
        if setting == "LoadCredential" {
            if value.isEmpty { loaded = [] }
            let parts = value.split(separator: ":", maxSplits: 1)
            // Without a path, or with a relative one, systemd looks into places of its own.
            if parts.count == 2, parts[1].hasPrefix("/") {
                loaded.append((parts[0], parts[1]))
            } else if !value.isEmpty {
                hasHiddenCredentials = true
            }
        }
        if ServiceUnit.hidden.contains(setting), !value.isEmpty { hasHiddenCredentials = true }
    }

    /// Asks systemd; nil where it does not answer, or has no such unit.
    static func ask() -> ServiceUnit? { askSystemd("cat", name).map(ServiceUnit.init) }

    /// Whether this is the unit whose relay serves a routes file.
    func serves(_ path: String) -> Bool {
        guard let option = command.firstIndex(of: "--config") else { return false }
        return command.dropFirst(option + 1).first.map(String.init) == path
    }

    /// The names under which the relay looks for a credential.
    ///
    /// Our unit loads the directory as `relay`: its files then have names that begin with `relay_`.
    static func credentialNames(_ name: String) -> [String] { [name, "relay_\(name)"] }

    /// Where systemd reads a credential from when it starts the relay, in the order of the relay's own search.
    func credentialFiles(_ name: String) -> [String] {
        ServiceUnit.credentialNames(name).flatMap { wanted in
            loaded.compactMap { id, path in
                if wanted == id { return String(path) }
                return wanted.hasPrefix("\(id)_") ? "\(path)/\(wanted.dropFirst(id.count + 1))" : nil
            }
        }
    }
}

/// What `systemctl` prints for these arguments; nil where there is no systemd, or it fails.
func askSystemd(_ arguments: String...) -> String? {
    guard access("/run/systemd/system", F_OK) == 0 else { return nil }
    let process = Process()
    let output = Pipe()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = ["systemctl"] + arguments
    process.standardOutput = output
    process.standardError = FileHandle.nullDevice
    guard (try? process.run()) != nil else { return nil }
    let shown = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return process.terminationStatus == 0 ? String(decoding: shown, as: UTF8.self) : nil
}
