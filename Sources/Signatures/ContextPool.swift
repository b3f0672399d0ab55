import Synchronization

/// Contexts of libcrypto between two uses; each is lent to one borrower at a time.
///
/// A new context costs more than the hashing of a small body, so contexts are kept. There are never more of them than
/// there were borrowers at one time, that is, threads: a borrower does not suspend.
final class ContextPool<Context: Sendable>: Sendable {
    private let idle = Mutex<[Context]>([])
    private let make: @Sendable () -> Context

    /// A pool with one context, so that what `make` cannot do shows at once.
    init(_ make: @escaping @Sendable () -> Context) {
        self.make = make
        let first = make()
        idle.withLock { $0.append(first) }
    }

    @inline(__always)
    func lend<Result>(_ body: (Context) -> Result) -> Result {
        let context = idle.withLock { $0.popLast() } ?? make()
        defer { idle.withLock { $0.append(context) } }
        return body(context)
    }
}
