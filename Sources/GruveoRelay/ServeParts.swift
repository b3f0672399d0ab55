import Console
import DeadLetterFiles
import Dispatch
import Logging
import Relay
import ServiceLifecycle
import UnixSignals

/// Runs what blocks on a thread that may.
func offThePool<Value: Sendable>(_ body: @escaping @Sendable () -> Value) async -> Value {
    await withCheckedContinuation { continuation in
        DispatchQueue.global().async { continuation.resume(returning: body()) }
    }
}

/// A part that only has to be closed at the end, in its turn.
struct Closing: Service {
    let close: @Sendable () async -> Void

    func run() async throws {
        try? await gracefulShutdown()
        await close()
    }
}

/// Starts a part when another one says that it is ready.
struct Following: Service {
    private let ready: AsyncStream<Void>
    private let service: any Service

    init(_ ready: AsyncStream<Void>, _ service: any Service) {
        self.ready = ready
        self.service = service
    }

    func run() async throws {
        guard await ready.cancelOnGracefulShutdown().first(where: { true }) != nil else { return }
        try await service.run()
    }
}

/// Looks after redrive/ until the relay stops.
struct RedriveLoop: Service {
    let service: RedriveService

    func run() async throws { await cancelWhenGracefulShutdown { await service.run() } }
}

/// Deletes what retention no longer keeps, every ten minutes, the first time after ten minutes: a machine often starts
/// with a wrong clock. A round in which the wall clock has jumped against the steady one deletes nothing.
struct Pruner: Service {
    private static let interval = Duration.seconds(600)
    /// What a clock may be corrected by in one round, in milliseconds.
    private static let toleranceMilliseconds: Int64 = 60_000

    let logger: Logger
    let prune: @Sendable () async throws -> Void

    func run() async throws {
        try? await cancelWhenGracefulShutdown {
            while true {
                let (wall, steady) = (wallClock(), ContinuousClock.now)
                try await Task.sleep(for: Pruner.interval)
                let steadyMilliseconds = (ContinuousClock.now - steady) / .milliseconds(1)
                let jump = Double(wallClock().milliseconds(since: wall)) - steadyMilliseconds
                guard abs(jump) <= Double(Pruner.toleranceMilliseconds) else {
                    logger.warning("nothing pruned: the clock was set", metadata: ["milliseconds": "\(Int(jump))"])
                    continue
                }
                do { try await prune() } catch { logger.error("pruning failed", metadata: ["error": "\(error)"]) }
            }
        }
    }
}

/// Reloads the routes, all or nothing, at SIGHUP or when the command line asks; one reload after the other, so that
/// what was read last stays in force.
struct Reloader: Service {
    private let turns = InTurn()
    private let loader: RoutesLoader
    private let hangups: UnixSignalsSequence
    private let logger: Logger
    private let apply: @Sendable (RoutesLoader.Loaded, Configuration) async -> Void

    init(
        loader: RoutesLoader, hangups: UnixSignalsSequence, logger: Logger,
        apply: @escaping @Sendable (RoutesLoader.Loaded, Configuration) async -> Void
    ) {
        self.loader = loader
        self.hangups = hangups
        self.logger = logger
        self.apply = apply
    }

    /// Signals that come while a reload runs are taken together: one more reload follows, which sees the newest file.
    func run() async throws {
        let (wanted, want) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        async let reloads: Void = reloadEachTime(wanted)
        for await _ in hangups.cancelOnGracefulShutdown() { want.yield() }
        want.finish()
        await reloads
    }

    private func reloadEachTime(_ wanted: AsyncStream<Void>) async {
        for await _ in wanted { _ = await reload() }
    }

    /// Puts the file in force, or keeps the old rules and says what is wrong with it.
    func reload() async -> ReloadReport { await turns.run { await reloadNow() } }

    private func reloadNow() async -> ReloadReport {
        ServiceManager.notify("RELOADING=1")
        defer { ServiceManager.notify("READY=1") }
        let loaded: RoutesLoader.Loaded
        do throws(FileFault) { loaded = try loader.load() } catch {
            logger.error("reload refused, the old rules stay", metadata: ["error": "\(error)"])
            return ReloadReport(isInForce: false, findings: ["\(error)"])
        }
        guard let configuration = loaded.configuration else {
            for line in loaded.lines { logger.error("\(line)") }
            logger.error("reload refused, the old rules stay")
            return ReloadReport(isInForce: false, findings: loaded.lines)
        }
        await apply(loaded, configuration)
        logger.notice("reloaded", metadata: ["routes": "\(configuration.router.routes.count)"])
        return ReloadReport(isInForce: true, findings: loaded.lines)
    }
}
