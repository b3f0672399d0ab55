import HTTPTypes
import Hummingbird
import JSON
import Relay

/// `POST /drop/DESTINATION`: one page of a drop, which the command line asks for until there is no next one. In the
/// query an event id (`event`), or event numbers as the last page gave them (`after`, `through`).
struct DropRoute {
    let page: @Sendable (DropRequest) async throws -> DropPage

    func answer(_ request: Request, destination: String) async -> (HTTPResponse.Status, JSONObject) {
        let query = request.uri.queryParameters
        let event = query["event"].map { EventID(String($0)) }
        if case .some(nil) = event { return (.badRequest, JSONObject(["error": .string("event is no event id")])) }
        let drop = DropRequest(
            destination: destination, event: event ?? nil, after: query["after"].flatMap { Int64($0) } ?? 0,
            through: query["through"].flatMap { Int64($0) })
        do {
            return (.ok, try await page(drop).object)
        } catch { return (.serviceUnavailable, JSONObject(["error": .string("\(error)")])) }
    }
}

extension DropPage {
    fileprivate var object: JSONObject {
        func number(_ value: Int64?) -> JSONValue { value.map { .number(JSONNumber($0)) } ?? .null }
        return JSONObject([
            "dropped": number(Int64(dropped)), "underWay": number(Int64(underWay)), "next": number(next),
            "through": number(through),
        ])
    }
}
