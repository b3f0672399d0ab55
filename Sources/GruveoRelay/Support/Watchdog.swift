import CurlSender
import Logging
import Relay
import ServiceLifecycle

/// Tells systemd's watchdog that the relay makes progress: only when the listener answers, the store reads and the
/// dispatcher has had its turn. Idle where the unit sets no WatchdogSec (sd_watchdog_enabled(3)).
struct Watchdog: Service {
    /// The listener's address, nil until it listens.
    let address: @Sendable () -> ListenAddress?
    let storeAnswers: @Sendable () async -> Bool
    let dispatcherTurn: @Sendable () async -> Void
    let logger: Logger

    func run() async throws {
        guard let microseconds = environment("WATCHDOG_USEC").flatMap(Int.init) else {
            try? await gracefulShutdown()
            return
        }
        try? await cancelWhenGracefulShutdown {
            while true {
                // A third of the time, so that one slow round is not the end.
                try await Task.sleep(for: .microseconds(microseconds / 3))
                if await isWell() { ServiceManager.notify("WATCHDOG=1") }
            }
        }
    }

    private func isWell() async -> Bool {
        await dispatcherTurn()
        guard await storeAnswers() else {
            logger.error("watchdog: the store does not answer")
            return false
        }
        guard let address = address(), await listenerAnswers(address) else {
            logger.error("watchdog: the listener does not answer")
            return false
        }
        return true
    }

    /// Any HTTP answer will do; asked on a thread that may block.
    private func listenerAnswers(_ address: ListenAddress) async -> Bool {
        let ending = await offThePool {
            CurlSender.post(url: "http://\(address)/healthz", headers: [], body: [], timeoutMilliseconds: 5_000)
        }
        if case .response = ending { return true }
        return false
    }
}
