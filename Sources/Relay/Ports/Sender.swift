/// Sends HTTP requests.
package protocol Sender: Sendable {
    /// Starts a request and returns at once. The completion is called exactly once, on `executor`.
    func send(_ request: OutgoingRequest, completion: @escaping @Sendable (AttemptResult) -> Void)

    /// The thread that sends; whoever shares it as an actor's executor hears of results without a hop.
    var executor: any SerialExecutor { get }
}
