import ArgumentParser
import JSON
import Relay
import SQLiteStore

/// Drops deliveries page by page: the running relay does it, or where none runs we open the store ourselves.
struct DropSession {
    struct Outcome {
        var dropped = 0
        var underWay = 0
    }

    let client: AdminClient
    private var store: EmbeddedStore?

    init(client: AdminClient) { self.client = client }

    /// Gives up what waits for the destination, of one event or of all.
    mutating func drop(_ destination: String, event: EventID?) async throws -> Outcome {
        var outcome = Outcome()
        var next: Int64? = 0
        var through: Int64?
        while let after = next {
            let request = DropRequest(destination: destination, event: event, after: after, through: through)
            let page: DropPage
            do { page = try await self.page(request) } catch {
                if outcome.dropped > 0 {
                    Output.words("gruveo-relay: \(outcome.dropped) for \(destination) were dropped before that")
                }
                throw error
            }
            outcome.dropped += page.dropped
            outcome.underWay += page.underWay
            (next, through) = (page.next, page.through)
        }
        return outcome
    }

    func close() { store?.close() }

    private mutating func page(_ request: DropRequest) async throws -> DropPage {
        if let store { return try await page(request, store) }
        let reply = client.post(request.target)
        guard case .unreachable = reply else {
            let (status, answer) = try client.object(reply)
            guard status == 200, let page = DropPage(answer) else { throw notDropped(answer.text("error") ?? "") }
            return page
        }
        let opened = try openStore(client.state, limits: StoreLimits()) { _ in }
        store = opened
        return try await page(request, opened)
    }

    private func page(_ request: DropRequest, _ store: EmbeddedStore) async throws -> DropPage {
        do {
            return try await awaiting { store.drop(request, now: wallClock(), completion: $0) }
        } catch { throw notDropped("\(error)") }
    }

    private func notDropped(_ reason: String) -> ExitCode {
        Output.words("gruveo-relay: not dropped: \(printable(reason)); the same command goes on")
        return ExitStatus.temporary
    }
}

extension DropRequest {
    /// As the admin socket takes it.
    fileprivate var target: String {
        let numbers = "after=\(after)" + (through.map { "&through=\($0)" } ?? "")
        return "/drop/\(destination)?" + (event.map { "event=\($0)" } ?? numbers)
    }
}

extension DropPage {
    fileprivate init?(_ answer: JSONObject) {
        guard let dropped = answer.number("dropped"), let underWay = answer.number("underWay"),
            let through = answer.number("through")
        else { return nil }
        self.init(
            dropped: Int(dropped), underWay: Int(underWay), next: answer.number("next"), through: through)
    }
}
