import ArgumentParser
import Glibc

/// The command line. Words go to standard error, data to standard output; exit codes are those of sysexits.h.
@main
struct GruveoRelayCommand: AsyncParsableCommand {
    /// The program's version, as it also stands in the User-Agent of what it sends.
    static let version = "0.1.0"

    static let configuration = CommandConfiguration(
        commandName: "gruveo-relay",
        abstract: "Receives Gruveo's call webhooks, keeps them safe and forwards them by rules.",
        discussion: """
            Try `gruveo-relay demo`, then `gruveo-relay check routes.json` and \
            `gruveo-relay serve --config routes.json --state DIR`.
            """,
        version: version,
        subcommands: [
            Serve.self, Check.self, Explain.self, Send.self, Demo.self, Queue.self, Dead.self,
            ReplayCommand.self, Add.self, Sign.self, Verify.self, Keygen.self, Reload.self, DestinationCommand.self,
            Schema.self, Doctor.self, Backup.self,
        ])

    static func main() async {
        // A reader or peer that has gone is an error of one write, never the end of the process.
        signal(SIGPIPE, SIG_IGN)
        do {
            var command = try parseAsRoot(nil)
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
        } catch { exit(withError: error) }
    }
}

/// Where the state directory is.
struct StateOption: ParsableArguments {
    @Option(
        help: "The relay's state directory (RELAY_STATE, STATE_DIRECTORY or /var/lib/gruveo-relay).",
        completion: .directory)
    var state: String = environment("RELAY_STATE") ?? environment("STATE_DIRECTORY") ?? "/var/lib/gruveo-relay"
}

/// Where the routes file is.
struct ConfigOption: ParsableArguments {
    static var defaultPath: String { environment("RELAY_CONFIG") ?? "/etc/gruveo-relay/routes.json" }

    @Option(
        help: "The routes file (RELAY_CONFIG or /etc/gruveo-relay/routes.json).",
        completion: .file(extensions: ["json"]))
    var config: String = ConfigOption.defaultPath
}

/// Where the admin socket is found: in the state directory, itself or as a link to systemd's runtime directory.
func adminSocketPath(state: String) -> String { "\(state)/admin.sock" }

/// Whether the admin socket's path is short enough to be bound: `sun_path` of unix(7), with a NUL at its end.
func hasRoomForAdminSocket(state: String) -> Bool {
    adminSocketPath(state: state).utf8.count < MemoryLayout.size(ofValue: sockaddr_un().sun_path)
}
