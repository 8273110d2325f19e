"""A double of RunPod's GraphQL API, with the part of its public schema that pods are made, listed and removed by.

runpod = RunPod(key="rpa_key", offers={"NVIDIA A40": Offer(0.39)})
with serve(runpod.app) as service: ...
assert runpod.pods["pod1"]["name"] == "recto-gpu"

A query that does not fit the schema is answered as a server does: 400, and what is wrong with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from graphql import GraphQLError, build_schema, graphql_sync
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

SCHEMA = build_schema("""
scalar DateTime
scalar Void
enum CloudTypeEnum { ALL SECURE COMMUNITY }
input EnvironmentVariableInput { key: String! value: String! }
input GpuTypeFilter { id: String ids: [String] }
input GpuLowestPriceInput {
  gpuCount: Int!
  minDisk: Int
  minMemoryInGb: Int
  minVcpuCount: Int
  secureCloud: Boolean
  supportPublicIp: Boolean
  cudaVersion: String
  dataCenterId: String
  countryCode: String
}
input PodTerminateInput { podId: String! }
input PodFindAndDeployOnDemandInput {
  allowedCudaVersions: [String]
  cloudType: CloudTypeEnum
  containerDiskInGb: Int
  countryCode: String
  dataCenterId: String
  deployCost: Float
  dockerArgs: String
  env: [EnvironmentVariableInput]
  gpuCount: Int
  gpuTypeId: String
  gpuTypeIdList: [String]
  imageName: String
  minMemoryInGb: Int
  minVcpuCount: Int
  name: String
  networkVolumeId: String
  ports: String
  startJupyter: Boolean
  startSsh: Boolean
  stopAfter: DateTime
  supportPublicIp: Boolean
  templateId: String
  terminateAfter: DateTime
  volumeInGb: Int
  volumeKey: String
  volumeMountPath: String
}
type LowestPrice { minimumBidPrice: Float uninterruptablePrice: Float stockStatus: String }
type GpuType {
  id: String
  displayName: String
  memoryInGb: Int
  lowestPrice(input: GpuLowestPriceInput): LowestPrice
}
type PodRuntimePorts { ip: String isIpPublic: Boolean privatePort: Int publicPort: Int type: String }
type PodRuntime { uptimeInSeconds: Int ports: [PodRuntimePorts] }
type PodMachineInfo { gpuDisplayName: String podHostId: String location: String }
type Pod {
  id: String!
  name: String!
  desiredStatus: String!
  costPerHr: Float!
  imageName: String
  env: [String]
  machine: PodMachineInfo
  runtime: PodRuntime
}
type User { id: String pods: [Pod] }
type Query { myself: User gpuTypes(input: GpuTypeFilter): [GpuType] }
type Mutation {
  podFindAndDeployOnDemand(input: PodFindAndDeployOnDemandInput): Pod
  podTerminate(input: PodTerminateInput!): Void
}
""")


@dataclass
class Offer:
    """A GPU type: dollars an hour in RunPod's own data centres and in others', and how many are free."""

    secure: float | None
    community: float | None = None
    free: int = 1
    charged: float | None = None
    """What a pod then costs, if not what was quoted."""


class RunPod:
    def __init__(self, key: str, offers: dict[str, Offer]) -> None:
        self.key = key
        self.offers = offers
        self.pods: dict[str, dict[str, Any]] = {}
        self.deployed: list[dict[str, Any]] = []
        self.queries: list[str] = []
        self.app = Starlette(routes=[Route("/graphql", self._graphql, methods=["POST"])])

    def start(self, pod: str, seconds: int, port: int) -> None:
        """The pod's container runs, and its SSH port is public."""
        ports = [
            {"ip": "100.65.0.1", "isIpPublic": False, "privatePort": 19123, "publicPort": 60141, "type": "http"},
            {"ip": "203.0.113.7", "isIpPublic": True, "privatePort": 22, "publicPort": port, "type": "tcp"},
        ]
        self.pods[pod]["runtime"] = {"uptimeInSeconds": seconds, "ports": ports}

    async def _graphql(self, request: Request) -> JSONResponse:
        if request.headers.get("authorization") != f"Bearer {self.key}":
            return JSONResponse({"errors": [{"message": "Unauthorized request, please check your API key."}]}, 401)
        asked = await request.json()
        self.queries.append(asked["query"])
        root = {
            "myself": lambda _: {"id": "user", "pods": list(self.pods.values())},
            "gpuTypes": self._gpu_types,
            "podFindAndDeployOnDemand": self._deploy,
            "podTerminate": self._terminate,
        }
        done = graphql_sync(SCHEMA, asked["query"], root, variable_values=asked.get("variables"))
        answer = {"data": done.data} | ({"errors": [e.formatted for e in done.errors]} if done.errors else {})
        return JSONResponse(answer, 200 if done.data is not None else 400)

    def _gpu_types(self, _: Any, input: dict[str, Any]) -> list[dict[str, Any]]:
        offer = self.offers.get(input["id"])
        if offer is None:
            return []

        def lowest(_: Any, input: dict[str, Any]) -> dict[str, Any]:
            asked = {True: [offer.secure], False: [offer.community], None: [offer.secure, offer.community]}
            prices = [price for price in asked[input.get("secureCloud")] if price is not None]
            there = bool(prices and offer.free)
            return {"uninterruptablePrice": min(prices, default=None), "stockStatus": "Low" if there else None}

        return [{"id": input["id"], "lowestPrice": lowest}]

    def _deploy(self, _: Any, input: dict[str, Any]) -> dict[str, Any]:
        offer = self.offers[input["gpuTypeId"]]
        if not offer.free:
            raise GraphQLError("There are no longer any instances available with the requested specifications.")
        offer.free -= 1
        self.deployed.append(input)
        pod = {
            "id": f"pod{len(self.deployed)}",
            "name": input["name"],
            "desiredStatus": "RUNNING",
            "costPerHr": offer.charged or input["deployCost"],
            "machine": {"gpuDisplayName": input["gpuTypeId"].removeprefix("NVIDIA ")},
        }
        self.pods[pod["id"]] = pod
        return pod

    def _terminate(self, _: Any, input: dict[str, Any]) -> None:
        if self.pods.pop(input["podId"], None) is None:
            raise GraphQLError("pod not found to terminate")
