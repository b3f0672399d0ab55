import ArgumentParser
import Glibc
import Logging
import Receiver
import Relay
import UnixSignals

/// Runs the relay until SIGTERM or SIGINT; SIGHUP reloads the routes.
struct Serve: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Run the relay.",
        discussion: """
            Ready when GET /healthz answers 200. Takes the listening socket that systemd passes, if it does; --listen \
            then counts for nothing. SIGHUP reloads the routes file, all or nothing; SIGTERM finishes \
            what is in flight and ends. Exit codes: 65 damaged store, 66 no routes file, 69 the address to listen on \
            is taken, 71 too few open files are allowed, 73 and 74 state directory, 75 another relay has the state \
            directory, 77 permission, 78 routes file, secrets or the passed socket.
            """)

    @OptionGroup var options: ConfigOption
    @OptionGroup var stateOption: StateOption

    @Option(help: "Where webhooks come in (RELAY_LISTEN or 127.0.0.1:8080).")
    var listen: String?

    @Option(help: "Start with these routes where the file is wrong: last-good, the last ones that were in force.")
    var fallback: Fallback?

    enum Fallback: String, ExpressibleByArgument, CaseIterable {
        case lastGood = "last-good"
    }

    @Flag(help: "Start although the database has lost events; its files are kept beside it.")
    var acceptLoss = false

    @Option(help: "How much to log: trace, debug, info, notice, warning, error (RELAY_LOG_LEVEL).")
    var logLevel: String = environment("RELAY_LOG_LEVEL") ?? "info"

    /// What somebody asked for.
    private var wantedAddress: String? { listen ?? environment("RELAY_LISTEN") }
    /// Where to listen unless a socket is passed; nil where that is no address.
    private var ownAddress: ListenAddress? { ListenAddress(wantedAddress ?? "127.0.0.1:8080") }

    func validate() throws {
        guard ownAddress != nil else {
            throw ValidationError("--listen takes HOST:PORT, such as 127.0.0.1:8080")
        }
        guard hasRoomForAdminSocket(state: stateOption.state) else {
            throw ValidationError("--state is too long: a unix socket in it has a path of at most 107 bytes")
        }
        guard Logger.Level(rawValue: logLevel) != nil else {
            let names = Logger.Level.allCases.map(\.rawValue).joined(separator: ", ")
            throw ValidationError("--log-level takes one of \(names)")
        }
    }

    func run() async throws {
        let hangups = await UnixSignalsSequence(trapping: .sighup)
        let passed = try passedSocket()
        let passedAddress = passed.map { ListenAddress(host: $0.host, port: $0.port) }
        guard let address = passedAddress ?? ownAddress, let level = Logger.Level(rawValue: logLevel) else {
            throw ExitCode.validationFailure
        }
        let logger = Logger(label: "gruveo-relay") { _ in LineLogHandler(level: level) }
        if let passedAddress, let wantedAddress, ownAddress != passedAddress {
            logger.warning(
                "listening on the socket that systemd passes, not on \(wantedAddress): change ListenStream= instead",
                metadata: ["socket": "\(passedAddress)"])
        }
        let loader = RoutesLoader(path: options.config, unreadableSecret: .error)
        let loaded = try routes(loader)
        guard let configuration = loaded.configuration else { throw ExitStatus.badConfiguration }
        let server = try RelayServer(
            loaded, configuration: configuration,
            options: RelayServer.Options(
                loader: loader, address: address, socket: passed?.descriptor, state: stateOption.state,
                acceptsLoss: acceptLoss, hangups: hangups, logger: logger))
        do { try await server.run() } catch {
            Output.words("gruveo-relay: cannot serve on \(address): \(error)")
            throw ExitStatus.unreachable
        }
    }

    private func passedSocket() throws -> PassedSocket? {
        do throws(PassedSocket.Fault) {
            return try PassedSocket.take(process: getpid(), variable: environment)
        } catch {
            Output.words(printable("gruveo-relay: \(error.message)"))
            throw ExitStatus.badConfiguration
        }
    }

    /// The file, or where it cannot be used and the operator asked for that, the copy of the last good one.
    private func routes(_ loader: RoutesLoader) throws -> RoutesLoader.Loaded {
        let copy = fallback.map { _ in loader.lastGood(state: stateOption.state) }
        do {
            let loaded = try loadRoutes(loader)
            loaded.lines.forEach(Output.words)
            guard loaded.configuration == nil, let copy, let good = try? copy.load(), good.configuration != nil else {
                return loaded
            }
            Output.words("gruveo-relay: \(loader.path) is not used: serving by \(copy.path), the last good one")
            return good
        } catch {
            guard let copy, let good = try? copy.load(), good.configuration != nil else { throw error }
            Output.words("gruveo-relay: serving by \(copy.path), the last good one")
            return good
        }
    }
}
