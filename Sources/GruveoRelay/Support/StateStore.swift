import ArgumentParser
import Relay
import SQLiteStore

/// Opens the store of a state directory, or ends the command with a line and the code that says why not.
func openStore(
    _ state: String, limits: StoreLimits, acceptsLoss: Bool = false,
    onTrouble: @escaping @Sendable (StoreTrouble) -> Void
) throws -> EmbeddedStore {
    var options = StoreOptions(directory: state)
    options.limits = limits
    options.acceptsLoss = acceptsLoss
    do throws(StoreOpenError) {
        return try EmbeddedStore(options, onTrouble: onTrouble)
    } catch {
        Output.words("gruveo-relay: \(error)")
        switch error.kind {
        case .databaseMissing, .eventsMissing:
            Output.words(
                "gruveo-relay: restore a backup, or go on without them: `gruveo-relay doctor --repair`, or start with "
                    + "`serve --accept-loss`. The old files are kept either way.")
        case .damaged:
            Output.words(
                "gruveo-relay: `gruveo-relay doctor --repair` saves what can be read; or restore a backup.")
        default: break
        }
        throw ExitCode(error.exitCode)
    }
}

/// For commands that read the queue by themselves: says in one line why that failed, and ends with the code for it.
func explainingQueueErrors<Value>(_ body: () throws(StoreOpenError) -> Value) throws -> Value {
    do throws(StoreOpenError) { return try body() } catch {
        Output.words(printable("gruveo-relay: \(error)"))
        if case .databaseMissing = error.kind { throw ExitStatus.noInput }
        throw ExitCode(error.exitCode)
    }
}

extension StoreLimits {
    init(_ configuration: Configuration) {
        self.init(configuration.limits)
        let waits = configuration.destinations.values.flatMap(\.retry.waitsMilliseconds)
        // Jitter lengthens a wait by a fifth at most; Retry-After has its own cap.
        longestWaitMilliseconds = max((waits.max() ?? 0) / 5 * 6, RetryAfter.capMilliseconds) + 60_000
    }

    init(_ limits: Limits) {
        self.init()
        retentionMilliseconds = limits.retentionMilliseconds
        freeSpaceBytes = UInt64(clamping: limits.freeSpaceBytes)
        backlog = limits.backlog
    }
}
