import "uplot/dist/uPlot.min.css";
import "./style.css";
import { render } from "preact";
import { begin, signedIn } from "./api";
import { App } from "./app";
import { start } from "./events";

await begin();
render(<App />, document.getElementById("app")!);
if (signedIn()) void start();
