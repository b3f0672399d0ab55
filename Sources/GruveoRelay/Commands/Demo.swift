import ArgumentParser
import Foundation
import Glibc
import Logging
import Relay
import UnixSignals

/// The main job on real input, on this machine only: the serving relay, three destinations, three signed events.
struct Demo: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Run the relay with sample destinations, send it three signed events and show what each got.",
        discussion: "Listens on loopback only, keeps its state in a temporary directory and removes it at the end.")

    @Option(help: "Where the relay listens; port 0 for one that is free.")
    var listen: String = "127.0.0.1:0"

    func run() async throws {
        guard let address = ListenAddress(listen) else { throw ValidationError("--listen takes HOST:PORT") }
        let directory = try TemporaryDirectory()
        defer { directory.remove() }
        guard hasRoomForAdminSocket(state: directory.state) else {
            Output.words(
                """
                gruveo-relay: TMPDIR is too long: a unix socket in it has a path of at most 107 bytes; \
                set a shorter one
                """)
            throw ExitStatus.cannotCreate
        }
        let destinations = DemoDestinations()
        try await withThrowingTaskGroup(of: Void.self) { group in
            let (ports, found) = AsyncStream.makeStream(of: Int.self)
            group.addTask {
                var quiet = Logger(label: "demo") { _ in LineLogHandler(level: .critical) }
                quiet.logLevel = .critical
                try await destinations.run(logger: quiet) { found.yield($0) }
            }
            guard let port = await ports.first(where: { _ in true }) else { return }
            try directory.write(DemoRoutes.text(sinkPort: port), to: "routes.json")
            for (name, key) in DemoRoutes.keys { try directory.write(key, to: name) }
            try await serve(address, directory: directory, destinations: destinations)
            group.cancelAll()
        }
    }

    private func serve(
        _ address: ListenAddress, directory: TemporaryDirectory, destinations: DemoDestinations
    ) async throws {
        let routes = "\(directory.path)/routes.json"
        let loaded = try loadRoutes(routes, unreadableSecret: .error)
        guard let configuration = loaded.configuration else {
            loaded.lines.forEach(Output.words)
            throw ExitStatus.badConfiguration
        }
        let state = directory.state
        let story = DemoStory(configuration: configuration, destinations: destinations, routes: routes, state: state)
        let server = try RelayServer(
            loaded, configuration: configuration,
            options: RelayServer.Options(
                loader: RoutesLoader(path: routes, unreadableSecret: .error), address: address, state: state,
                hangups: await UnixSignalsSequence(trapping: .sighup),
                logger: Logger(label: "demo") { _ in LineLogHandler(level: .critical) },
                onReady: { address in Task { await story.tell(address) } }))
        try await server.run()
    }
}

/// A directory that is gone when the demo ends.
struct TemporaryDirectory {
    let path: String
    /// What the demo's relay keeps.
    var state: String { "\(path)/state" }

    init() throws {
        var template = Array("\(environment("TMPDIR") ?? "/tmp")/gruveo-relay-demo-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else {
            Output.words("gruveo-relay: no temporary directory: \(String(cString: strerror(errno)))")
            throw ExitStatus.cannotCreate
        }
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    func write(_ text: String, to name: String) throws {
        let bytes = Array(text.utf8)
        let descriptor = open("\(path)/\(name)", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw ExitStatus.cannotCreate }
        defer { close(descriptor) }
        guard Glibc.write(descriptor, bytes, bytes.count) == bytes.count else { throw ExitStatus.ioError }
    }

    func remove() { try? FileManager.default.removeItem(atPath: path) }
}
