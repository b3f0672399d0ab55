import ArgumentParser
import CurlSender
import JSON
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

    func get(_ target: String) -> Reply { ask("GET", target) }

    func post(_ target: String, _ body: [UInt8] = []) -> Reply { ask("POST", target, body) }

    /// The answer's status and JSON object; ends the command where no relay answers.
    func object(_ reply: Reply) throws -> (status: Int, object: JSONObject) {
        switch reply {
        case .answer(let status, let body):
            guard case .object(let object)? = try? JSONValue.parse(Array(body.utf8)) else {
                Output.words("gruveo-relay: the relay's answer cannot be read; is it of this version?")
                throw ExitStatus.badData
            }
            return (status, object)
        case .unreachable(let reason):
            Output.words("gruveo-relay: no relay answers at \(adminSocketPath(state: state)): \(reason)")
            throw ExitStatus.unreachable
        }
    }

    private func ask(_ method: String, _ target: String, _ body: [UInt8] = []) -> Reply {
        let ending = CurlSender.requestUnixSocket(
            path: adminSocketPath(state: state), method: method, target: target, body: body,
            timeoutMilliseconds: AdminClient.timeoutMilliseconds)
        switch ending {
        case .response(let response): return .answer(response.status, String(decoding: response.body, as: UTF8.self))
        case .failure: return .unreachable("is the relay running, and may you read its state directory?")
        }
    }
}
