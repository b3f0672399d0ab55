import CurlSender
import Relay

/// Asks a running relay through its admin socket.
struct AdminClient {
    enum Reply {
        case answer(Int, String)
        /// No relay runs on this state directory, or this user may not speak to it.
        case unreachable(String)
    }

    private static let timeoutMilliseconds = 30_000

    let state: String

    func post(_ target: String) -> Reply { ask("POST", target) }

    private func ask(_ method: String, _ target: String) -> Reply {
        let ending = CurlSender.requestUnixSocket(
            path: adminSocketPath(state: state), method: method, target: target,
            timeoutMilliseconds: AdminClient.timeoutMilliseconds)
        switch ending {
        case .response(let response): return .answer(response.status, String(decoding: response.body, as: UTF8.self))
        case .failure: return .unreachable("is the relay running, and may you read its state directory?")
        }
    }
}
