/// Does one thing after the other, in the order in which they were asked for, also where each of them waits on its way:
/// an actor alone would begin the next one meanwhile.
package actor InTurn {
    private var last: Task<Void, Never>?

    package init() {}

    /// Begins when all that was asked for before has ended.
    package func run<Value: Sendable>(_ work: @escaping @Sendable () async -> Value) async -> Value {
        let task = Task { [last] in
            await last?.value
            return await work()
        }
        last = Task { _ = await task.value }
        return await task.value
    }
}
