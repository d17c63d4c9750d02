import "uplot/dist/uPlot.min.css";
import "./style.css";
import { render } from "preact";
import { takeTokenFromLink } from "./api";
import { App } from "./app";
import { start } from "./events";

takeTokenFromLink();
render(<App />, document.getElementById("app")!);
void start();
