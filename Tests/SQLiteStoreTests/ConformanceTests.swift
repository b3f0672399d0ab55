import Testing

@Suite struct ConformanceTests {
    @Test(arguments: StoreConformance.all.map(\.name))
    func conforms(_ name: String) async throws {
        let sandbox = Sandbox()
        let check = try #require(StoreConformance.all.first { $0.name == name })
        try await check.check(try sandbox.underTest())
        #expect(sandbox.reported.isEmpty)
    }
}
