import Signatures

/// Makes the request of one attempt out of the event, the destination and the time. Pure.
package enum RequestBuilder {
    /// The request as it goes out: without a template the body is the event's own bytes.
    /// - Parameter contexts: what is known already of events that were sent before.
    package static func request(
        for delivery: Delivery, to destination: Destination, now: Timestamp, _ contexts: inout EventContexts
    ) throws(TemplateFailure) -> OutgoingRequest {
        let parts = try destination.templates?.render(delivery.event, now: now, &contexts)
        let body = parts?.body ?? delivery.event.body
        return OutgoingRequest(
            method: destination.method, url: parts?.url ?? destination.url,
            headers: headers(for: delivery, to: destination, parts, signing: (body, now), masked: false), body: body,
            options: destination.options)
    }

    /// The same request as a person may see it.
    package static func masked(
        for delivery: Delivery, to destination: Destination, now: Timestamp
    ) throws(TemplateFailure) -> MaskedRequest {
        var contexts = EventContexts(slots: 1)
        let parts = try destination.templates?.render(delivery.event, now: now, &contexts)
        let body = parts?.body ?? delivery.event.body
        return MaskedRequest(
            method: destination.method, url: redactedURL(destination.url),
            headers: headers(for: delivery, to: destination, parts, signing: (body, now), masked: true), body: body)
    }

    /// What can be shown of a request which a template kept from being made: neither body nor signature.
    package static func unmade(for delivery: Delivery, to destination: Destination) -> MaskedRequest {
        MaskedRequest(
            method: destination.method, url: redactedURL(destination.url),
            headers: headers(for: delivery, to: destination, nil, signing: nil, masked: true), body: [])
    }

    private static func headers(
        for delivery: Delivery, to destination: Destination, _ parts: RequestTemplates.Parts?,
        signing: (body: [UInt8], now: Timestamp)?, masked: Bool
    ) -> [OutgoingRequest.Header] {
        var headers: [OutgoingRequest.Header] = []
        headers.reserveCapacity(8 + destination.headers.count)
        if !destination.headers.contains(where: { isContentType($0.name) && parts?.headers[$0.name] != "" }) {
            headers.append(OutgoingRequest.Header("Content-Type", parts?.contentType ?? "application/json"))
        }
        headers.append(OutgoingRequest.Header("webhook-id", delivery.event.idText))
        headers.append(OutgoingRequest.Header("Relay-Attempt", String(delivery.attempts + 1)))
        headers.append(OutgoingRequest.Header("Relay-Destination", destination.name))
        if delivery.isReplay { headers.append(OutgoingRequest.Header("Relay-Replay", "1")) }
        if let original = delivery.event.originalID {
            headers.append(OutgoingRequest.Header("Relay-Original-Id", original.description))
        }
        for header in destination.headers {
            let value = parts?.headers[header.name] ?? header.value
            if value.isEmpty { continue }
            headers.append(OutgoingRequest.Header(header.name, masked && header.isSecret ? "<redacted>" : value))
        }
        if masked, destination.oauth2 != nil { headers.append(OutgoingRequest.Header("Authorization", "<redacted>")) }
        guard let signing, let signer = destination.signer else { return headers }
        let signed = signer.headers(
            id: delivery.event.idText, timestampSeconds: signing.now.seconds, body: signing.body)
        for header in signed {
            let isSignature = header.name != signer.scheme.timestampHeader
            headers.append(OutgoingRequest.Header(header.name, masked && isSignature ? "<signature>" : header.value))
        }
        return headers
    }

    private static func isContentType(_ name: String) -> Bool {
        name.utf8.count == 12 && name.lowercased() == "content-type"
    }
}
