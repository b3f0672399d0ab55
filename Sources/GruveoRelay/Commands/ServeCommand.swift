import ArgumentParser
import Logging
import Relay

/// Runs the relay until SIGTERM or SIGINT; SIGHUP reloads the routes.
struct Serve: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Run the relay.",
        discussion: """
            Ready when GET /healthz answers 200. SIGHUP reloads the routes file, all or nothing; SIGTERM finishes \
            what is in flight and ends. Exit codes: 65 damaged store, 66 no routes file, 69 the address to listen on \
            is taken, 73 and 74 state directory, 75 another relay has the state directory, 77 permission, 78 routes \
            file or secrets.
            """)

    @OptionGroup var options: ConfigOption
    @OptionGroup var stateOption: StateOption

    @Option(help: "Where webhooks come in (RELAY_LISTEN).")
    var listen: String = environment("RELAY_LISTEN") ?? "127.0.0.1:8080"

    @Option(help: "How much to log: trace, debug, info, notice, warning, error (RELAY_LOG_LEVEL).")
    var logLevel: String = environment("RELAY_LOG_LEVEL") ?? "info"

    func run() async throws {
        guard let address = ListenAddress(listen) else {
            throw ValidationError("--listen takes HOST:PORT, such as 127.0.0.1:8080")
        }
        guard let level = Logger.Level(rawValue: logLevel) else {
            let names = Logger.Level.allCases.map(\.rawValue).joined(separator: ", ")
            throw ValidationError("--log-level takes one of \(names)")
        }
        let logger = Logger(label: "gruveo-relay") { _ in LineLogHandler(level: level) }
        let loaded = try loadRoutes(options.config, unreadableSecret: .error)
        loaded.lines.forEach(Output.words)
        guard let configuration = loaded.configuration else { throw ExitStatus.badConfiguration }
        let server = try RelayServer(
            configuration: configuration,
            options: RelayServer.Options(
                loader: RoutesLoader(path: options.config, unreadableSecret: .error), address: address,
                state: stateOption.state, logger: logger))
        do { try await server.run() } catch {
            Output.words("gruveo-relay: cannot serve on \(address): \(error)")
            throw ExitStatus.unreachable
        }
    }
}
